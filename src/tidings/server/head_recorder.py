"""The head of a response as bytes, through all middleware, without writing it."""

from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


async def record_head(
    cycle: RequestResponseCycle, send: Any, *, status: int, headers: Iterable[tuple[bytes, bytes]]
) -> bytes:
    """The bytes that `send` would write for a response's start, without the fields of the body's framing."""
    recorder = _HeadRecorder()
    cycle.chunked_encoding = False
    cycle.transport, transport = recorder, cycle.transport  # type: ignore[assignment]
    try:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    finally:
        cycle.transport = transport
    return recorder.written


class _HeadRecorder:
    """Stands in for a transport and keeps what is written."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data
