"""The program of a stream: connect, hand on events, reconnect from the cursor, for ever. Pure.

Rule 1. Every event after the cursor is emitted once, in order, whatever breaks in between.
Rule 2. A transport that is silent is dead; how long silence may be, the server says.
Rule 3. What cannot get better by waiting is raised: a refusal, a wrong url, a broken server.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import get_args

from tidings.client.attempt import Attempt
from tidings.client.backoff import Backoff
from tidings.client.commands import Close, Program, Sleep, Tell, ask
from tidings.client.encoding import user_id
from tidings.client.errors import TidingsProblem, Unreachable
from tidings.client.exchange import Server
from tidings.client.facts import JsonObject, Status, Transport, UserId
from tidings.client.ladder import EARLY, Ladder
from tidings.client.lost import Expiring, Foreign, GoAway, Lost, Refused, Silence
from tidings.client.memory import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """What a caller asks of a stream."""

    user: str | None
    cursor: str | None
    topics: tuple[str, ...]
    transports: tuple[Transport, ...]
    insist: bool
    on_status: Callable[[Status], None] | None


def stream(
    *,
    user: UserId | None = None,
    cursor: str | None = None,
    topics: Sequence[str] = (),
    transports: Transport | Sequence[Transport] = ("sse", "poll"),
    insist: bool = True,
    on_status: Callable[[Status], None] | None = None,
) -> Listen:
    """Receive events, for ever: reconnecting and resuming are built in.

    `cursor` is where to start: an event's id, `start` for all that is kept, or nothing for
    what comes from now on. `topics` are read besides what the user follows. `transports` are
    tried from the first to the last. With `insist=False` a first connection that fails is
    raised as Unreachable instead of being tried again; `on_status` is told what goes on.

    A `reset` among the events says that the cursor could not be served: forget what you built
    from events and load it again.
    """
    chosen = (transports,) if isinstance(transports, str) else tuple(transports)
    if not chosen or not set(chosen) <= set(get_args(Transport)):
        raise ValueError(f"not transports: {transports!r} (there are sse, poll and ws)")
    if isinstance(topics, str):
        raise TypeError(f"a list of topics, not one: {topics!r}")
    return Listen(
        user=None if user is None else user_id(user),
        cursor=cursor,
        topics=tuple(topics),
        transports=chosen,
        insist=insist,
        on_status=on_status,
    )


class State(Enum):
    """What a stream is doing."""

    CONNECTING = "connecting"
    OPEN = "open"
    WAITING = "waiting"


_NEXT = {
    State.CONNECTING: {State.CONNECTING, State.OPEN, State.WAITING},
    State.OPEN: {State.CONNECTING, State.WAITING},
    State.WAITING: {State.CONNECTING},
}


class Listening:
    """One stream, from its first connection to its last."""

    def __init__(self, server: Server, listen: Listen) -> None:
        self.memory = Memory(listen.cursor)
        self.state = State.WAITING
        self.transport = listen.transports[0]
        self.hello: JsonObject = {}
        self._server, self._listen = server, listen
        self._ladder, self._backoff = Ladder(listen.transports), Backoff()
        self._ever = False  # has it ever been open?
        self._refreshed = False  # the token was replaced and has not been accepted yet
        self._stale: str | None = None  # the token to be replaced
        self._stays = False  # its tokens are so short that to leave before their end is to be always leaving
        self._absent: set[Transport] = set()  # one after the other: those that the server says are not here

    def program(self) -> Program[None]:
        """Emit events until closed. Raises TidingsProblem, NotTidings, Unreachable."""
        while True:
            self.transport = self._ladder.rung(self._server.clock())
            yield from self._become(State.CONNECTING)
            attempt = self._attempt()
            try:
                yield from attempt.program(self.transport)
            except Lost as lost:
                yield from ask(Close())
                delay = self._delay(lost, attempt)
                if delay is not None:
                    yield from self._become(State.WAITING, reason=lost.reason, delay=delay)
                    yield from ask(Sleep(delay))
            else:
                self._stale = attempt.stale

    def _attempt(self) -> Attempt:
        return Attempt(
            server=self._server,
            user=self._server.user if self._listen.user is None else self._listen.user,
            topics=self._listen.topics,
            memory=self.memory,
            until=self._ladder.climb_at,
            on_hello=self._greeted,
            stale=self._stale,
            stays=self._stays,
        )

    def _greeted(self, hello: JsonObject) -> Program[None]:
        self.hello = hello
        self._ever, self._refreshed = True, False
        self._absent.clear()
        if self.state is not State.OPEN:
            yield from self._become(State.OPEN)

    def _delay(self, lost: Lost, attempt: Attempt) -> float | None:
        """How long to wait before the next attempt; None: not at all."""
        if attempt.retry is not None:
            self._backoff.told(attempt.retry)
        lived = None if attempt.opened_at is None else attempt.heard_at - attempt.opened_at
        held = lived is not None and lived >= EARLY
        if held:
            self._backoff.succeeded()
        self._stale = attempt.stale
        self._note_absence(lost)
        if isinstance(lost, (Refused, Expiring)):
            self._replace_token(lost, attempt)
            # A token that is always about to end must not become a busy loop.
            if lived is None or held:
                return None
            self._stays = self._stays or isinstance(lost, Expiring)
        elif self._step_down(lost, lived):
            return None
        if not self._ever:
            self._give_up_first(lost)
        return self._backoff.next(chance=self._server.chance(), told=lost.told)

    def _replace_token(self, lost: Refused | Expiring, attempt: Attempt) -> None:
        if isinstance(lost, Refused):
            if self._refreshed or not self._server.refreshable:
                raise lost.error from lost
            self._refreshed = True
        self._stale = attempt.token

    def _note_absence(self, lost: Lost) -> None:
        """Raise, if by the server's own word there is no transport left."""
        if isinstance(lost, Foreign) and isinstance(lost.error, TidingsProblem):
            self._absent.add(self.transport)
            if self._absent.issuperset(self._listen.transports):
                raise lost.error from lost
        else:
            self._absent.clear()

    def _step_down(self, lost: Lost, lived: float | None) -> bool:
        """Does this end speak against the transport?"""
        now = self._server.clock()
        if isinstance(lost, GoAway):
            return False
        if isinstance(lost, Foreign):
            return self._ladder.silent(now)
        if lived is not None:
            return self._ladder.ended(lived, now, silent=isinstance(lost, Silence))
        return isinstance(lost, Silence) and self._ladder.silent(now)

    def _give_up_first(self, lost: Lost) -> None:
        """Raise, if a stream that has never been open should not go on trying."""
        if isinstance(lost, Foreign):
            raise lost.error from lost
        if not self._listen.insist:
            raise Unreachable(self._server.url, lost.reason) from lost

    def _become(self, state: State, *, reason: str = "", delay: float = 0.0) -> Program[None]:
        if state not in _NEXT[self.state]:
            raise RuntimeError(f"a stream cannot go from {self.state.value} to {state.value}")
        self.state = state
        hello = self.hello if state is State.OPEN else None
        status = Status(state=state.value, transport=self.transport, reason=reason, delay=delay, hello=hello)
        yield from ask(Tell(status))


class StreamView:
    """What a stream shows of itself."""

    def __init__(self, listening: Listening) -> None:
        self._listening = listening

    @property
    def cursor(self) -> str | None:
        """Where it stands: the id of the last event it gave, or the place it started from."""
        return self._listening.memory.cursor

    @property
    def transport(self) -> Transport:
        """How it receives now."""
        return self._listening.transport

    @property
    def hello(self) -> JsonObject:
        """What the server said when it last connected: cursor, counters, heartbeat, session."""
        return self._listening.hello
