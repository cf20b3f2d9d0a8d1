"""Plain Starlette, as its pages show it: a stream, a WebSocket, a long poll, a 304, a durable publish."""

import asyncio
import json
import os
import sqlite3
import threading
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

queues: set[asyncio.Queue[bytes]] = set()
one_at_a_time = threading.Lock()
database = sqlite3.connect(os.environ["BENCH_FILE"], check_same_thread=False)
database.executescript(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;CREATE TABLE log (id INTEGER PRIMARY KEY, body TEXT)"
)


async def events() -> AsyncIterator[bytes]:
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    queues.add(queue)
    try:
        yield b": ok\n\n"
        while True:
            yield b"id: 1\ndata: " + await queue.get() + b"\n\n"
    finally:
        queues.discard(queue)


async def subscribe(request: Request) -> Response:
    return StreamingResponse(events(), media_type="text/event-stream")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    queues.add(queue)
    try:
        while True:
            await websocket.send_text((await queue.get()).decode())
    except WebSocketDisconnect:
        pass
    finally:
        queues.discard(queue)


async def poll(request: Request) -> Response:
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    queues.add(queue)
    try:
        return Response(await queue.get())
    finally:
        queues.discard(queue)


async def same(request: Request) -> Response:
    return Response(status_code=304, headers={"ETag": '"1"'})


async def publish(request: Request) -> Response:
    body = await request.body()
    for queue in queues:
        queue.put_nowait(body)
    return Response(status_code=202)


def store(body: bytes) -> None:
    many = json.loads(body) if body.startswith(b"[") else [body]
    with one_at_a_time, database:
        database.executemany("INSERT INTO log (body) VALUES (?)", ((str(one),) for one in many))


async def append(request: Request) -> Response:
    await asyncio.to_thread(store, await request.body())
    return Response(status_code=201)


app = Starlette(
    routes=[
        Route("/sub", subscribe),
        WebSocketRoute("/ws", socket),
        Route("/poll", poll),
        Route("/same", same),
        Route("/pub", publish, methods=["POST"]),
        Route("/append", append, methods=["POST"]),
    ]
)
