"""An application with Tidings mounted in it, driven by ASGI alone: no server is imported. Prints a JSON line.

`test_install.py` runs it in an environment that has nothing but the wheel: `python asgi_host.py DATABASE`.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount

from tidings import Settings, create_app

MOUNTED = "/bell"


class Host:
    """Drives an application as an ASGI server does (ASGI specification 3.0, "HTTP" and "Lifespan")."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def run(self, work: Any) -> Any:
        """The result of `work(self)`, between the start and the end of the application's lifespan."""
        to_app: asyncio.Queue[Any] = asyncio.Queue()
        from_app: asyncio.Queue[Any] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        task = asyncio.create_task(self._app(scope, to_app.get, from_app.put))
        await to_app.put({"type": "lifespan.startup"})
        assert await from_app.get() == {"type": "lifespan.startup.complete"}
        result = await work(self)
        await to_app.put({"type": "lifespan.shutdown"})
        assert await from_app.get() == {"type": "lifespan.shutdown.complete"}
        await task
        return result

    async def ask(self, method: str, target: str, body: object = None, *, until: str | None = None) -> tuple[int, str]:
        """Status and body. `until`: leave when that was sent, as a browser leaves a stream."""
        path, _, query = target.partition("?")
        path = MOUNTED + path
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "root_path": "", "query_string": query.encode(),
            "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
        }  # fmt: skip
        status, sent, left = 0, "", asyncio.Event()
        asked = iter([json.dumps(body).encode() if body is not None else b""])

        async def receive() -> dict[str, Any]:
            for content in asked:
                return {"type": "http.request", "body": content, "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal status, sent
            status = message.get("status", status)
            sent += message.get("body", b"").decode()
            if until is not None and until in sent:
                left.set()

        await self._app(scope, receive, send)
        return status, sent


async def work(host: Host) -> dict[str, Any]:
    """Publish, receive by a stream and by a poll, look into the inbox."""
    draft = {"to": {"user": "alice"}, "type": "like", "body": "Bob liked your post"}
    return {
        "ready": await host.ask("GET", "/readyz"),
        "published": await host.ask("POST", "/v1/notifications", draft),
        "streamed": await host.ask("GET", "/v1/stream?user=alice&cursor=start", until="Bob liked your post"),
        "polled": await host.ask("GET", "/v1/poll?user=alice&cursor=start&wait=0"),
        "inbox": await host.ask("GET", "/v1/inbox?user=alice"),
        "metrics": await host.ask("GET", "/metrics"),
    }


def main() -> None:
    """Answers, and the modules of servers that were imported."""
    app = create_app(Settings(mode="dev", db=Path(sys.argv[1])))
    host = Starlette(routes=[Mount(MOUNTED, app=app)], lifespan=app.opened)
    answers = asyncio.run(Host(host).run(work))
    servers = sorted(set(sys.modules) & {"uvicorn", "hypercorn", "granian", "httptools", "uvloop"})
    sys.stdout.write(json.dumps({"answers": answers, "servers": servers}) + "\n")


if __name__ == "__main__":
    main()
