"""The bus between the workers of one machine, which carries whole batches."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tidings.bus.datagrams import Datagrams


class IpcBus:
    """See `domain.ports.Bus`. It hears and sends while `run` runs."""

    max_bytes = 1024 * 1024

    def __init__(self, folder: Path, *, name: str) -> None:
        """`folder` is the workers' own; `name` is of this process alone."""
        self._datagrams = Datagrams(folder, name=name, kind="bus")
        self._receivers: list[Callable[[bytes], None]] = []

    @property
    def alone(self) -> bool:
        """False: other workers may start at any time."""
        return False

    def subscribe(self, receive: Callable[[bytes], None]) -> None:
        """Call `receive` with every frame that arrives from now on."""
        self._receivers.append(receive)

    def send(self, frame: bytes) -> None:
        """Send a frame to every worker that reads."""
        self._datagrams.send_to_all(frame)

    async def run(self) -> None:
        """Hear the others, for ever."""
        async with self._datagrams.opened(self._received):
            await asyncio.Event().wait()

    def _received(self, frame: bytes) -> None:
        for receive in self._receivers:
            receive(frame)
