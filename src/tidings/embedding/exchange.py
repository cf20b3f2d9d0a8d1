"""One request to an ASGI application in this process (ASGI specification 3.0, "HTTP")."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote, urlsplit

from tidings.client._commands import Request, Response
from tidings.client._exceptions import ConnectionLost

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]

AHEAD = 16  # parts of a body that the application may be ahead of its reader


class AsgiExchange:
    """A request on its way. It is made, read and closed on the event loop of the application."""

    def __init__(self, app: AsgiApp, request: Request, extra: MutableMapping[str, Any]) -> None:
        """`extra` is added to the scope."""
        self._parts: asyncio.Queue[bytes | None] = asyncio.Queue(AHEAD)
        self._head: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._left = asyncio.Event()
        self._asked = False
        self._body = request.body or b""
        self._ended = False
        self._task = asyncio.create_task(self._run(app, {**_scope(request), **extra}))

    async def head(self) -> Response:
        """The status and the headers. Raises ConnectionLost."""
        return await asyncio.shield(self._head)

    async def read(self) -> bytes:
        """The next part of the body; empty at its end."""
        if self._ended:
            return b""
        part = await self._parts.get()
        self._ended = part is None
        return part or b""

    async def whole(self) -> Response:
        """The response with its body. Raises ConnectionLost."""
        head = await self.head()
        parts = []
        while part := await self.read():
            parts.append(part)
        return Response(status=head.status, headers=head.headers, body=b"".join(parts))

    async def close(self) -> None:
        """Leave, as a client that disconnects."""
        self._left.set()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, app: AsgiApp, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._send)
        except Exception as error:
            if not self._head.done():
                self._head.set_exception(ConnectionLost(f"the application failed: {error!r}"))
                self._head.exception()  # its caller may have stopped waiting
                return
        finally:
            if not self._head.done():
                self._head.cancel()
        await self._parts.put(None)

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]}
            if not self._head.done():
                self._head.set_result(Response(status=message["status"], headers=headers))
        elif body := message.get("body", b""):
            await self._parts.put(bytes(body))


def _scope(request: Request) -> dict[str, Any]:
    parts = urlsplit(request.url)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": parts.scheme,
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "root_path": "",
        "query_string": parts.query.encode(),
        "headers": [
            (b"host", parts.netloc.encode()),
            (b"content-length", b"%d" % len(request.body or b"")),
            *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()),
        ],
        "client": None,
        "server": None,
        "state": {},
    }
