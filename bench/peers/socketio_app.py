"""Socket.IO with python-socketio, over its WebSocket transport."""

import socketio  # type: ignore[import-untyped]
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

# Its pings would need an answer from the load client within 20 s; they are no part of what is measured.
hub = socketio.AsyncServer(async_mode="asgi", ping_interval=3600)


async def publish(request: Request) -> Response:
    await hub.emit("notification", (await request.body()).decode())
    return Response(status_code=202)


app = socketio.ASGIApp(hub, Starlette(routes=[Route("/pub", publish, methods=["POST"])]))
