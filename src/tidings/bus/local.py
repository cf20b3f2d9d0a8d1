"""The bus of nodes in one process. With one node, the usual case, only its own word goes round."""

import asyncio
from collections.abc import Callable, Mapping


class LocalBus:
    """See `domain.ports.Bus`."""

    def __init__(self) -> None:
        self._receivers: list[Callable[[bytes], None]] = []

    @property
    def alone(self) -> bool:
        """True while no other node listens."""
        return len(self._receivers) <= 1

    @property
    def max_bytes(self) -> int:
        """Frames are not copied here."""
        return 1024 * 1024

    async def run(self) -> None:
        """Wait for ever: there is nothing to keep."""
        await asyncio.Event().wait()

    def subscribe(self, receive: Callable[[bytes], None]) -> None:
        """Call `receive` with every frame that is sent from now on."""
        self._receivers.append(receive)

    def send(self, frame: bytes) -> None:
        """Give a frame to every receiver in the next turn of the loop."""
        loop = asyncio.get_running_loop()
        for receive in self._receivers:
            loop.call_soon(receive, frame)


class NoWorkers:
    """See `domain.ports.Workers`: the only process of its machine has nobody to ask."""

    def __init__(self) -> None:
        self.on: dict[str, Callable[[str], bytes]] = {}

    async def ask(self, name: str, argument: str = "", *, within: float) -> Mapping[str, bytes | None]:
        """Nothing."""
        return {}
