"""One GET to the application or its identity provider: bounded in time and size, without redirects."""

import asyncio

import httpx2

FETCH = 5.0  # seconds, from the first byte to the last
SIZE = 256 * 1024  # bytes of a key set


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
            if size > SIZE:
                raise ValueError(f"{url} answers more than {SIZE} bytes")
            parts.append(part)
    return b"".join(parts)
