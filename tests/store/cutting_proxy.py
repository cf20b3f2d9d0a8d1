"""A proxy before a database that cuts the connection when a client says COMMIT: before it is passed on, or after."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

Cut = Literal["before", "after"]
_COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"  # a simple query


class CuttingProxy:
    """Passes everything on, until `cut` says where the next COMMIT ends its connection."""

    def __init__(self, port: int) -> None:
        self.cut: Cut | None = None
        self.closed_for: asyncio.Event = asyncio.Event()  # set: new connections are refused
        self.port = 0
        self._target = port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        if self.closed_for.is_set():
            writer.close()
            return
        answers, asking = await asyncio.open_connection("127.0.0.1", self._target)
        back = asyncio.create_task(_pipe(answers, writer))
        try:
            while data := await reader.read(65536):
                cut = self.cut if data == _COMMIT else None
                if cut is not None:
                    self.cut = None
                    back.cancel()  # the answer reaches nobody
                    await asyncio.wait([back])
                if cut == "after":
                    asking.write(data)
                    await answers.read(1)  # it is done
                if cut is not None:
                    break
                asking.write(data)
        finally:
            back.cancel()
            asking.close()
            writer.close()


@asynccontextmanager
async def cutting_proxy(port: int) -> AsyncIterator[CuttingProxy]:
    """A proxy before the server on this port."""
    proxy = CuttingProxy(port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()
