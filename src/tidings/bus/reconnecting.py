"""The base of the buses over a server: one session at a time, given up when this node does not hear itself.

A connection can be dead without a word, and a server can forget a subscription. A node's own frames come back four
times a second (`background.bus_link`): where they do not, the connection is dropped and made again.
"""

import asyncio
import logging
import random
from collections.abc import Callable

SESSION_SILENCE = 1.5  # seconds without a frame after which a session is given up
CHECK = 0.25  # seconds between looks
SESSION_RETRY = (0.1, 0.5)  # seconds before the next session; by chance, so that nodes do not come back in step

_log = logging.getLogger("tidings.bus")


async def end(task: asyncio.Task[None]) -> None:
    """Cancel a task until it has ended: redis-py 8 takes a cancellation that comes within a command for its own."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CHECK)


class ReconnectingBus:
    """See `domain.ports.Bus`. It hears and sends while `run` runs."""

    max_bytes: int  # see the port
    lost: tuple[type[Exception], ...]  # errors of a connection, which is made again

    def __init__(self, *, clock: Callable[[], float]) -> None:
        """`clock` in seconds, never going back."""
        self._clock = clock
        self._receivers: list[Callable[[bytes], None]] = []
        self._heard_at = clock()
        self._away = False  # as the log has been told

    @property
    def alone(self) -> bool:
        """False: other nodes may hear at any time."""
        return False

    def subscribe(self, receive: Callable[[bytes], None]) -> None:
        """Call `receive` with every frame that arrives from now on."""
        self._receivers.append(receive)

    def send(self, frame: bytes) -> None:
        """Send a frame with the present session or the next, unless it is dropped by then."""
        raise NotImplementedError

    async def run(self) -> None:
        """Hold one session after another, for ever. Raises what is no loss of a connection."""
        while True:
            reason = await self._hold()
            if not self._away:
                self._away = True
                _log.warning("bus_lost", extra={"reason": reason})
            await asyncio.sleep(random.uniform(*SESSION_RETRY))

    async def session(self) -> None:
        """Connect, pass on what comes (`heard`) and send what is to be sent, until the connection is lost."""
        raise NotImplementedError

    def heard(self, frame: bytes) -> None:
        """Pass a frame on."""
        self._heard_at = self._clock()
        if self._away:
            self._away = False
            _log.warning("bus_recovered")
        for receive in self._receivers:
            receive(frame)

    async def _hold(self) -> str:
        """One session, up to its end; the reason of that."""
        self._heard_at = self._clock()
        session = asyncio.create_task(self.session())
        try:
            while self._clock() - self._heard_at <= SESSION_SILENCE:
                done, _ = await asyncio.wait([session], timeout=CHECK)
                if done:
                    break
        finally:
            await end(session)
        if session.cancelled():
            return "this node does not hear itself"
        error = session.exception()
        if error is not None and not isinstance(error, self.lost):
            raise error
        return str(error) or type(error).__name__
