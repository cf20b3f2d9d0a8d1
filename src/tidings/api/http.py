"""The edge: requests to values, values to responses, errors to problem+json (RFC 9457)."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import unquote_plus

import msgspec
from starlette import requests
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import ASGIApp

from tidings.domain.errors import MethodNotAllowed, NotFound, TidingsError, TooLarge, UnsupportedEncoding
from tidings.domain.problems import problem_json

_log = logging.getLogger("tidings.api")
_encode = msgspec.json.Encoder().encode
_encode_in_order = msgspec.json.Encoder(order="deterministic").encode

_TAG = re.compile(r'(?:W/)?("[^"]*")')  # a comma may be part of one

Handler = Callable[..., Awaitable[Any]]
T = TypeVar("T")

LARGE_BODY = 256 * 1024  # bytes; to check that many on the loop would hold up every stream for 2 to 20 ms


class Json(Response):
    """A JSON response from bytes or from a value."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return content if isinstance(content, bytes) else _encode(content)

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """As Starlette does it, without looking whether `headers` says one of these."""
        said = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()]
        size = b"%d" % len(self.body)
        self.raw_headers = [*said, (b"content-length", size), (b"content-type", b"application/json")]


def problem(error: TidingsError, *, root: str = "") -> Response:
    """The answer that an error gets. `root` is the path that the application is mounted at."""
    return Response(
        problem_json(error, root=root),
        status_code=error.status,
        media_type="application/problem+json",
        headers={"cache-control": "private, no-store", **error.headers},
    )


_PRIVATE = (b"cache-control", b"private, no-store")


def keep_private(response: Any) -> None:
    """Let no cache keep a response, unless it says itself how long it may be kept."""
    fields = getattr(response, "raw_headers", None)
    if fields is not None and b"cache-control" not in dict(fields):
        fields.append(_PRIVATE)


class QueryParams(dict[str, str]):
    """The parameters of a query string (WHATWG URL, section 5.1); of several with one name, the last.

    Every poll makes one: 2.5 µs, Starlette's 6.6 (6.4 and 9.2 where something is escaped).
    """

    def __init__(self, text: str) -> None:
        plain = unquote_plus if "%" in text or "+" in text else str
        parts = (one.partition("=") for one in text.split("&") if one)
        self.pairs = [(plain(name), plain(value)) for name, _, value in parts]
        super().__init__(self.pairs)

    def getlist(self, name: str) -> list[str]:
        """Every value of one name, in order."""
        return [value for other, value in self.pairs if other == name]


_NO_QUERY = QueryParams("")


class ApiHeaders(Headers):
    """Starlette's header fields, with no exception for each that is not there: most that are asked for are not."""

    def get(self, key: str, default: Any = None) -> Any:
        """The value of the first field of this name."""
        wanted = key.lower().encode("latin-1")
        for name, value in self._list:
            if name == wanted:
                return value.decode("latin-1")
        return default


class ApiConnection(requests.HTTPConnection):
    """Starlette's connection, with its query as `QueryParams` and its header fields as `ApiHeaders`."""

    @cached_property
    def headers(self) -> ApiHeaders:
        return ApiHeaders(scope=self.scope)

    @cached_property
    def query_params(self) -> QueryParams:  # type: ignore[override]
        raw = self.scope["query_string"]
        return QueryParams(raw.decode("latin-1")) if raw else _NO_QUERY


class ApiRequest(ApiConnection, requests.Request):
    """A connection with a body."""

    on_end: Callable[[], None] | None = None  # called when the request was answered, or given up


class Endpoint:
    """An ASGI application of one handler. (A class, so that Starlette calls it as one.)"""

    def __init__(self, handler: Handler, *bound: Any) -> None:
        """`bound` is passed to the handler after the request."""
        self._handler = handler
        self._bound = bound

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = ApiRequest(scope, receive, send)
        try:
            response = await self._handler(request, *self._bound)
            keep_private(response)
        except TidingsError as error:
            if error.status >= 500:
                _log.warning("refused", extra={"code": error.code, "path": scope["path"], "detail": str(error)})
            response = problem(error, root=scope.get("root_path", ""))
        except requests.ClientDisconnect:
            return
        except Exception:
            _log.exception("failed", extra={"path": scope["path"]})
            failure = TidingsError("something went wrong here; the server's log has more")
            response = problem(failure, root=scope.get("root_path", ""))
        finally:
            if request.on_end is not None:
                request.on_end()
        await response(scope, receive, send)


class ApiRoute(Route):
    """A route that says what it does not do in the same form as every other refusal."""

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        if self.methods and scope["method"] not in self.methods:
            error = MethodNotAllowed(f"{scope['method']} is not for {scope['path']}")
            refusal = problem(error, root=scope.get("root_path", ""))
            same = [route for route in scope["router"].routes if route.matches(scope)[0] is not Match.NONE]
            refusal.headers["allow"] = ", ".join(sorted({method for route in same for method in route.methods or ()}))
            await refusal(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class PathRouter(Router):
    """Starlette's, that first looks the path up: most are written out, and need no pattern to be tried."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(**rest)
        self._written: dict[tuple[str, str], ASGIApp] = {}

    def set_routes(self, routes: Sequence[BaseRoute]) -> None:
        """These and no others, from now on."""
        self.routes[:] = routes
        plain = [route for route in routes if isinstance(route, Route) and not route.param_convertors]
        self._written = {(method, route.path): route.app for route in reversed(plain) for method in route.methods or ()}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        written = self._written.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        await (written or super().__call__)(scope, receive, send)


def route(path: str, handler: Handler, *methods: str) -> Route:
    """A route. GET answers HEAD too."""
    return ApiRoute(path, Endpoint(handler), methods=list(methods))


async def not_found(scope: Any, receive: Any, send: Any) -> None:
    """The answer where no route matches."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": "not_found"})
        return
    error = NotFound(f"there is no {scope['path']} here")
    await problem(error, root=scope.get("root_path", ""))(scope, receive, send)


async def body_of(request: ApiRequest, *, limit: int, hold: Callable[[int], None]) -> bytes:
    """The whole body. `hold` is told of each part's size before it is kept.

    Raises `TooLarge` before more than `limit` bytes are held, `UnsupportedEncoding`, and what `hold` raises.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedEncoding(f"a body is sent as it is, not as {encoding[:40]!r}")
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > limit:
        raise TooLarge(f"the body has {stated} bytes; at most {limit} are taken here")
    parts, size, more = [], 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise requests.ClientDisconnect
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if size > limit:
            raise TooLarge(f"the body has more than {limit} bytes")
        hold(len(part))
        parts.append(part)
    return b"".join(parts)


async def in_thread_if_large(body: bytes, work: Callable[[], T]) -> T:
    """Run the work on a body, on a thread of its own if the body is large, and return its result."""
    return work() if len(body) <= LARGE_BODY else await asyncio.to_thread(work)


def if_none_match(request: requests.HTTPConnection, tag: str, *, star: bool = True) -> bool:
    """Does the client have what this ETag names? Then 304 is the answer (RFC 9110, section 13.1.2; weak comparison).

    `star` is the answer to `*`: not False unless what is here is more than the client can have.
    """
    asked = ",".join(request.headers.getlist("if-none-match"))
    if asked == tag:
        return True
    if asked.strip() == "*":
        return star
    return tag.removeprefix("W/") in _TAG.findall(asked)


def etag_response(request: requests.HTTPConnection, content: Any, *, of: Any) -> Response:
    """A JSON response with an ETag that changes when `of` does; 304 if the client has it.

    (The tag is weak: the rest of the content may differ.)
    """
    tag = f'W/"{hashlib.blake2b(_encode_in_order(of), digest_size=12).hexdigest()}"'
    headers = {"etag": tag, "cache-control": "private, no-cache"}
    if if_none_match(request, tag):
        return Response(status_code=304, headers=headers)
    return Json(content, headers=headers)
