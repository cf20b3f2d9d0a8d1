"""The timers of connections: deadlines on the wheel, and streams that end with their token."""

from collections.abc import Callable

from tidings.background.heartbeat import token_check_interval
from tidings.background.timer_wheel import TICK, TimerWheel
from tidings.hub.liveness import Liveness
from tidings.hub.readers import Reader

EXPIRE_EARLY = 2 * TICK  # seconds before its end that a token counts as over: the wheel's call may be two ticks late


class ConnectionTimers:
    """The port `transports.timer.Timer`."""

    def __init__(
        self, wheel: TimerWheel, liveness: Liveness, *, heartbeat: float, wall_clock: Callable[[], float]
    ) -> None:
        """`heartbeat` in seconds; `wall_clock` in seconds since 1970."""
        self.at = wheel.at
        self.cancel = wheel.cancel
        self._liveness = liveness
        self._wall_clock = wall_clock
        self._token_check = token_check_interval(heartbeat)

    def expire_at(self, reader: Reader, expires: int) -> None:
        """End the reader's stream with its token: at `expires`, in seconds since 1970; 0 for never.

        The heartbeat sweep does that, unless its first visit would be too late to end the stream or to warn it.
        """
        left = expires - self._wall_clock()
        reader.expires = expires
        if not expires or left > 2 * self._token_check:
            return
        self._liveness.announce_expiry(reader)
        if left <= self._token_check:
            reader.expires = 0
            self.at(max(0.0, left - EXPIRE_EARLY), lambda: self._liveness.end_expired(reader))
