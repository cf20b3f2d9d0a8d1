"""Server-sent events with sse-starlette."""

import asyncio
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

queues: set[asyncio.Queue[str]] = set()


async def events() -> AsyncIterator[dict[str, str]]:
    queue: asyncio.Queue[str] = asyncio.Queue()
    queues.add(queue)
    try:
        yield {"comment": "ok"}
        while True:
            yield {"id": "1", "data": await queue.get()}
    finally:
        queues.discard(queue)


async def subscribe(request: Request) -> Response:
    return EventSourceResponse(events())


async def publish(request: Request) -> Response:
    body = (await request.body()).decode()
    for queue in queues:
        queue.put_nowait(body)
    return Response(status_code=202)


app = Starlette(routes=[Route("/sub", subscribe), Route("/pub", publish, methods=["POST"])])
