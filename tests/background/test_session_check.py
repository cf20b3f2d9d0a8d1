"""Open streams are asked about again: they end when the session is over or another's, and outlast an outage."""

import asyncio

from tests.background.fake_clock import FakeClock, running, settle
from tests.hub.fake_sink import FakeSink, LineEncoding, WhenFull
from tests.model.log import Log
from tidings.auth.forward_auth import ForwardAuth, Session, SessionAnswer, SessionGrant
from tidings.auth.grants import Grant
from tidings.auth.revocations import Revocations
from tidings.background.session_check import CONCURRENT_CHECKS, EVERY, SessionCheck
from tidings.domain.topics import User
from tidings.hub.hub import Hub
from tidings.hub.liveness import HEARTBEAT_SLOTS
from tidings.hub.ring import Ring


class Harness:
    """A hub, an application with sessions, and a clock."""

    def __init__(self) -> None:
        self.clock, self.log = FakeClock(), Log()
        self.hub = Hub(Ring(head=0), on_work=lambda: None)
        self.answers: dict[str, SessionAnswer] = {}  # by cookie; else the session is the user's that it names
        self.asked: list[str] = []
        self.answering = asyncio.Event()
        self.answering.set()
        sessions = ForwardAuth(self._ask, revoked=Revocations(), clock=self.clock)
        self.check = SessionCheck(self.hub.liveness, sessions, clock=self.clock, sleep=self.clock.sleep)

    async def _ask(self, session: Session) -> SessionAnswer:
        self.asked.append(session.cookie)
        await self.answering.wait()
        return self.answers.get(session.cookie, SessionAnswer(200, session.cookie))

    async def minute(self) -> None:
        """Let a minute pass, with time for each answer."""
        for _ in range(HEARTBEAT_SLOTS):
            await self.clock.advance(EVERY / HEARTBEAT_SLOTS)
            for _ in range(4):
                await settle()

    def join(self, name: str, *, credential: Grant | None = None) -> FakeSink:
        sink = FakeSink(self.hub, high=1 << 20, when_full=WhenFull.STALL)
        user = User(name)
        sink.reader = self.hub.join(self.log.feed(user), sink=sink, encoding=LineEncoding("lines"), position=0)
        sink.reader.credential = credential or SessionGrant(user=user, session=Session(name, ""))
        return sink


async def test_session_of_every_open_stream_is_asked_about_once_a_minute() -> None:
    harness = Harness()
    for n in range(HEARTBEAT_SLOTS + 1):
        harness.join(f"u{n}")
    harness.join("token", credential=Grant(user=User("token")))
    async with running(harness.check.run()):
        for turn in range(1, 4):
            await harness.minute()
            assert sorted(harness.asked) == sorted([f"u{n}" for n in range(HEARTBEAT_SLOTS + 1)] * turn)


async def test_stream_ends_when_its_session_is_over_or_anothers_and_not_while_that_is_not_known() -> None:
    harness = Harness()
    out, banned, other, down, well = (harness.join(name) for name in ("out", "banned", "other", "down", "well"))
    harness.answers = {
        "out": SessionAnswer(401, None),
        "banned": SessionAnswer(403, None),
        "other": SessionAnswer(200, "bob"),
        "down": SessionAnswer(500, None),
    }
    async with running(harness.check.run()):
        await harness.minute()
    for sink in (out, banned, other):
        assert (sink.controls, sink.aborted) == (["goaway"], True)
    for sink in (down, well):
        assert (sink.controls, sink.aborted) == ([], False)


async def test_streams_of_one_session_are_one_question_and_few_are_asked_at_once() -> None:
    harness = Harness()
    same = [harness.join("alice") for _ in range(3)]
    many = [harness.join(f"u{n}") for n in range(3 * CONCURRENT_CHECKS)]
    harness.answers["alice"] = SessionAnswer(401, None)
    harness.answering.clear()
    checking = asyncio.ensure_future(harness.check.check([sink.reader for sink in (*same, *many)]))
    await settle()
    assert len(harness.asked) == CONCURRENT_CHECKS
    harness.answering.set()
    await checking
    assert sorted(set(harness.asked)) == sorted(harness.asked)
    assert [sink.aborted for sink in same] == [True] * 3
    assert not any(sink.aborted for sink in many)
