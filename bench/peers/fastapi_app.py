"""Server-sent events with FastAPI's own EventSourceResponse."""

import asyncio
from collections.abc import AsyncIterable

from fastapi import FastAPI, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

app = FastAPI()
queues: set[asyncio.Queue[str]] = set()


@app.get("/sub", response_class=EventSourceResponse)
async def subscribe() -> AsyncIterable[ServerSentEvent]:
    queue: asyncio.Queue[str] = asyncio.Queue()
    queues.add(queue)
    try:
        yield ServerSentEvent(comment="ok")
        while True:
            yield ServerSentEvent(raw_data=await queue.get(), id="1")
    finally:
        queues.discard(queue)


@app.post("/pub", status_code=202)
async def publish(request: Request) -> None:
    body = (await request.body()).decode()
    for queue in queues:
        queue.put_nowait(body)
