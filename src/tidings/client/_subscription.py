"""The program of a stream: connect, emit events, reconnect from the cursor, for ever. Pure.

Rule 1. Every event after the cursor is emitted once, in order, whatever breaks in between.
Rule 2. A transport that is silent for longer than the server's heartbeats allow is given up.
Rule 3. An end that no waiting can mend is raised: a refusal, a wrong url, a broken server.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import get_args

from tidings.client._backoff import Backoff
from tidings.client._commands import Close, Program, ReportStatus, Sleep, execute
from tidings.client._connection import Connection
from tidings.client._encoding import identifier, user_id
from tidings.client._exceptions import (
    ConnectionLost,
    GoAway,
    ReadTimedOut,
    TokenExpiring,
    TokenRefused,
    TransportUnavailable,
)
from tidings.client._fallback import SHORT_LIVED, TransportFallback
from tidings.client._position import Position
from tidings.client._requests import ClientConfig
from tidings.client.errors import TidingsProblem, Unreachable
from tidings.client.types import JsonObject, Status, Transport, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """The arguments of a stream, checked."""

    user: str | None
    cursor: str | None
    topics: tuple[str, ...]
    transports: tuple[Transport, ...]
    insist: bool
    on_status: Callable[[Status], None] | None


def stream_options(
    *,
    user: UserId | None = None,
    cursor: str | None = None,
    topics: Sequence[str] = (),
    transports: Transport | Sequence[Transport] = ("sse", "poll"),
    insist: bool = True,
    on_status: Callable[[Status], None] | None = None,
) -> StreamOptions:
    """Check the arguments of a stream. Raises ValueError, TypeError."""
    chosen = (transports,) if isinstance(transports, str) else tuple(transports)
    if not chosen or not set(chosen) <= set(get_args(Transport)):
        raise ValueError(f"not transports: {transports!r} (there are sse, poll and ws)")
    if isinstance(topics, str):
        raise TypeError(f"a list of topics, not one: {topics!r}")
    return StreamOptions(
        user=None if user is None else user_id(user),
        cursor=None if cursor is None else identifier(cursor, what="a cursor"),
        topics=tuple(identifier(topic, what="a topic") for topic in topics),
        transports=chosen,
        insist=insist,
        on_status=on_status,
    )


class SubscriptionState(Enum):
    """The state of a stream's connection."""

    CONNECTING = "connecting"
    OPEN = "open"
    WAITING = "waiting"


_NEXT = {
    SubscriptionState.CONNECTING: {SubscriptionState.CONNECTING, SubscriptionState.OPEN, SubscriptionState.WAITING},
    SubscriptionState.OPEN: {SubscriptionState.CONNECTING, SubscriptionState.WAITING},
    SubscriptionState.WAITING: {SubscriptionState.CONNECTING},
}


class Subscription:
    """One stream, from its first connection to its last."""

    def __init__(self, config: ClientConfig, options: StreamOptions) -> None:
        self.position = Position(options.cursor)
        self.state = SubscriptionState.WAITING
        self.transport = options.transports[0]
        self.hello: JsonObject = {}
        self.on_status = options.on_status
        self._config, self._options = config, options
        self._fallback, self._backoff = TransportFallback(options.transports), Backoff()
        self._was_open = False
        self._token_replaced = False  # and not accepted yet
        self._stale_token: str | None = None  # to be replaced
        self._keep_token = False  # tokens are so short that to leave before their end is to be always leaving
        self._absent: set[Transport] = set()  # one after the other: those that the server says are not here

    def program(self) -> Program[None]:
        """Emit events until closed. Raises TidingsProblem, NotTidings, Unreachable."""
        while True:
            self.transport = self._fallback.current(self._config.clock())
            yield from self._become(SubscriptionState.CONNECTING)
            connection = self._connection()
            try:
                yield from connection.program(self.transport)
            except ConnectionLost as lost:
                yield from execute(Close())
                delay = self._delay(lost, connection)
                if delay is not None:
                    yield from self._become(SubscriptionState.WAITING, reason=lost.reason, delay=delay)
                    yield from execute(Sleep(delay))
            else:
                self._stale_token = connection.stale_token

    def _connection(self) -> Connection:
        return Connection(
            config=self._config,
            user=self._config.user if self._options.user is None else self._options.user,
            topics=self._options.topics,
            position=self.position,
            until=self._fallback.retry_best_at,
            on_hello=self._on_hello,
            stale_token=self._stale_token,
            keep_token=self._keep_token,
        )

    def _on_hello(self, hello: JsonObject) -> Program[None]:
        self.hello = hello
        self._was_open, self._token_replaced = True, False
        self._absent.clear()
        if self.state is not SubscriptionState.OPEN:
            yield from self._become(SubscriptionState.OPEN)

    def _delay(self, lost: ConnectionLost, connection: Connection) -> float | None:
        """Seconds to wait before the next connection; None: connect at once."""
        if connection.retry is not None:
            self._backoff.set_floor(connection.retry)
        lived = None if connection.opened_at is None else connection.heard_at - connection.opened_at
        held = lived is not None and lived >= SHORT_LIVED
        if held:
            self._backoff.succeeded()
        self._stale_token = connection.stale_token
        self._note_absence(lost)
        if isinstance(lost, (TokenRefused, TokenExpiring)):
            self._replace_token(lost, connection)
            # A token that is always about to end must not become a busy loop.
            if lived is None or held:
                return None
            self._keep_token = self._keep_token or isinstance(lost, TokenExpiring)
        elif self._step_down(lost, lived):
            return None
        if not self._was_open:
            self._check_first(lost)
        return self._backoff.next(chance=self._config.chance(), retry_after=lost.retry_after)

    def _replace_token(self, lost: TokenRefused | TokenExpiring, connection: Connection) -> None:
        if isinstance(lost, TokenRefused):
            if self._token_replaced or not self._config.refreshable:
                raise lost.error from lost
            self._token_replaced = True
        self._stale_token = connection.token

    def _note_absence(self, lost: ConnectionLost) -> None:
        """Raise if, by the server's own word, there is no transport left."""
        if isinstance(lost, TransportUnavailable) and isinstance(lost.error, TidingsProblem):
            self._absent.add(self.transport)
            if self._absent.issuperset(self._options.transports):
                raise lost.error from lost
        else:
            self._absent.clear()

    def _step_down(self, lost: ConnectionLost, lived: float | None) -> bool:
        """Take the next transport if this end counts against the one in use."""
        now = self._config.clock()
        if isinstance(lost, GoAway):
            return False
        if isinstance(lost, TransportUnavailable):
            return self._fallback.step_down(now)
        if lived is not None:
            return self._fallback.connection_ended(lived, now, timed_out=isinstance(lost, ReadTimedOut))
        return isinstance(lost, ReadTimedOut) and self._fallback.step_down(now)

    def _check_first(self, lost: ConnectionLost) -> None:
        """Raise if a stream that has never been open should not try again."""
        if isinstance(lost, TransportUnavailable):
            raise lost.error from lost
        if not self._options.insist:
            raise Unreachable(self._config.url, lost.reason) from lost

    def _become(self, state: SubscriptionState, *, reason: str = "", delay: float = 0.0) -> Program[None]:
        if state not in _NEXT[self.state]:
            raise RuntimeError(f"a stream cannot go from {self.state.value} to {state.value}")
        self.state = state
        hello = self.hello if state is SubscriptionState.OPEN else None
        status = Status(state=state.value, transport=self.transport, reason=reason, delay=delay, hello=hello)
        yield from execute(ReportStatus(status))


class StreamProperties:
    """The public properties of a stream."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    @property
    def cursor(self) -> str | None:
        """The id of the last event, or the cursor that the stream started from."""
        return self._subscription.position.cursor

    @property
    def transport(self) -> Transport:
        """The transport in use."""
        return self._subscription.transport

    @property
    def hello(self) -> JsonObject:
        """The last hello of the server: cursor, counters, heartbeat, connection."""
        return self._subscription.hello
