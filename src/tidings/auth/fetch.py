"""One GET to the application or its identity provider: bounded in time and size, without redirects."""

import asyncio
from http.cookiejar import DefaultCookiePolicy

import httpx2

from tidings.auth.forward_auth import QUESTIONS_MAX, Session, SessionAnswer

FETCH = 5.0  # seconds, from the first byte to the last
BODY_MAX = 256 * 1024  # bytes of a key set, and of a body that is not looked at
ANSWER_TIMEOUT = 2.0  # seconds for an answer about a session


async def fetch(url: str) -> bytes:
    """The body of a 200. Raises `TimeoutError`, `ValueError`, `httpx2.HTTPError`."""
    async with (
        asyncio.timeout(FETCH),
        httpx2.AsyncClient(follow_redirects=False, timeout=FETCH, trust_env=False) as http,
        http.stream("GET", url, headers={"accept": "application/json"}) as response,
    ):
        if response.status_code != 200:
            raise ValueError(f"{url} answers {response.status_code}")
        parts, size = [], 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > BODY_MAX:
                raise ValueError(f"{url} answers more than {BODY_MAX} bytes")
            parts.append(part)
    return b"".join(parts)


class SessionQuestions:
    """The GETs that ask the application about sessions, on connections that are kept."""

    def __init__(self, url: str) -> None:
        self._url = url
        limits = httpx2.Limits(max_connections=QUESTIONS_MAX, max_keepalive_connections=QUESTIONS_MAX)
        self._http = httpx2.AsyncClient(follow_redirects=False, timeout=ANSWER_TIMEOUT, trust_env=False, limits=limits)
        # A cookie that comes with the answer about one user is not to go into the question about the next.
        self._http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))

    async def ask(self, session: Session) -> SessionAnswer:
        """The answer about a session. Raises `TimeoutError`, `httpx2.HTTPError`."""
        said = {"cookie": session.cookie, "authorization": session.authorization, "accept-encoding": "identity"}
        headers = [(name.encode(), value.encode("latin-1")) for name, value in said.items() if value]
        async with asyncio.timeout(ANSWER_TIMEOUT), self._http.stream("GET", self._url, headers=headers) as response:
            size = 0
            async for part in response.aiter_raw():  # a connection whose response is read to its end is kept
                size += len(part)
                if size > BODY_MAX:
                    break
            return SessionAnswer(response.status_code, response.headers.get("tidings-user"))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
