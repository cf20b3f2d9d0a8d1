"""A drain ends streams by shares, each once, and those that come meanwhile at its end."""

from tests.hub.fake_sink import FakeSink, LineEncoding, WhenFull
from tests.model.log import Log
from tidings.background.drain import Drain
from tidings.domain.topics import User
from tidings.hub.hub import Hub
from tidings.hub.ring import Ring


def join(hub: Hub, log: Log) -> FakeSink:
    sink = FakeSink(hub, high=1 << 20, when_full=WhenFull.STALL)
    sink.reader = hub.join(log.feed(User("alice")), sink=sink, encoding=LineEncoding("lines"), position=0)
    return sink


def test_drain_ends_streams_by_shares_and_all_in_the_end() -> None:
    hub, log, asked = Hub(Ring(head=0), on_work=lambda: None), Log(), list[tuple[int, int]]()

    def randint(least: int, most: int) -> int:
        asked.append((least, most))
        return least

    drain = Drain(hub, retry=2000, randint=randint)
    sinks = [join(hub, log) for _ in range(40)]
    for share, ended in ((0.0, 0), (0.25, 10), (0.25, 10), (0.1, 10), (0.5, 20)):
        drain.end(share)
        assert sum(sink.aborted for sink in sinks) == ended
    late, full = join(hub, log), next(sink for sink in sinks if not sink.aborted)
    full.stall()
    next(sink for sink in sinks if not sink.aborted and sink is not full).abort()
    drain.end(1.0)
    assert not late.aborted
    drain.end_all()
    drain.end_all()
    assert all(sink.aborted for sink in (*sinks, late))
    assert sum(sink.controls == ["goaway"] for sink in (*sinks, late)) == 39  # one left, one could take nothing
    assert full.controls == []
    assert set(asked) == {(1000, 4000)}
