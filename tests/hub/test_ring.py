"""The ring: the newest events without holes, in bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.fake_sink import LineEncoding
from tidings.domain.model import Event
from tidings.domain.topics import Topic
from tidings.hub.ring import Entry, Ring

TOPICS = [Topic("a"), Topic("b"), Topic("c")]
kinds = st.sampled_from(["note", "follow.created", "follow.deleted"])


def event(seq: int, *, topic: Topic = TOPICS[0], size: int = 2) -> Event:
    return Event(seq=seq, topic=topic, type="note", data=b"x" * size)


@given(slots=st.integers(1, 8), limit=st.integers(1, 60), events=st.lists(st.tuples(st.sampled_from(TOPICS), kinds)))
def test_ring_finds_the_follows_of_a_topic(slots: int, limit: int, events: list[tuple[Topic, str]]) -> None:
    ring = Ring(head=0, slots=slots, limit=limit)
    log: list[Event] = []
    for seq, (topic, kind) in enumerate(events, start=1):
        log.append(Event(seq=seq, topic=topic, type=kind, data=b"x" * 10))
        ring.append(log[-1])
        for other in TOPICS:
            for after in range(ring.floor, seq + 1):
                follows = [e for e in log[after:] if e.topic == other and e.type.startswith("follow.")]
                assert ring.follows(other, after=after) == follows


@given(
    start=st.integers(0, 100),
    slots=st.integers(1, 8),
    limit=st.integers(1, 60),
    events=st.lists(st.tuples(st.sampled_from(TOPICS), st.integers(0, 30)), max_size=40),
)
def test_ring_is_the_end_of_a_list(start: int, slots: int, limit: int, events: list[tuple[Topic, int]]) -> None:
    ring = Ring(head=start, slots=slots, limit=limit)
    log: list[Event] = []
    for topic, size in events:
        log.append(event(start + len(log) + 1, topic=topic, size=size))
        ring.append(log[-1])
        kept = [entry.event for entry in ring.after(ring.floor)]
        assert kept == log[len(log) - len(kept) :]
        assert len(kept) <= slots
        assert sum(len(one.data) for one in kept) <= limit
        assert ring.head == start + len(log)
        assert [ring.covers(seq) for seq in (ring.floor - 1, ring.floor, ring.head, ring.head + 1)] == [
            False,
            True,
            True,
            False,
        ]
        assert [entry.event for entry in ring.after(ring.head)] == []
        for after in range(ring.floor, ring.head + 1):
            for some in (TOPICS[:1], TOPICS[1:], TOPICS, [*TOPICS, *map(Topic, "defgh")]):
                mine = [one for one in kept if one.topic in some and one.seq > after]
                assert [entry.event for entry in ring.of_topics(some, after=after)] == mine
        for topic in TOPICS:
            assert ring.newest(topic) == max((one.seq for one in kept if one.topic == topic), default=0)


@pytest.mark.parametrize("seq", [5, 7])
def test_ring_takes_only_the_next_event(seq: int) -> None:
    ring = Ring(head=5)
    with pytest.raises(ValueError, match="does not follow"):
        ring.append(event(seq))


def test_entry_is_encoded_once_per_format() -> None:
    one, other = LineEncoding("one"), LineEncoding("other")
    entry = Ring(head=0).append(event(1))
    assert entry.frame(one) is entry.frame(one)
    assert entry.frame(other) is entry.frame(other)
    assert (one.calls[1], other.calls[1]) == (1, 1)


def test_frame_of_an_unshared_format_is_not_kept() -> None:
    lone = LineEncoding("lone")
    lone.shared = False
    entry = Ring(head=0).append(event(1))
    assert entry.frame(lone) == entry.frame(lone)
    assert lone.calls[1] == 2


def test_ring_tells_which_positions_it_evicts_soon() -> None:
    ring = Ring(head=0, slots=8)
    for seq in range(1, 9):
        ring.append(event(seq))
    assert [ring.evicts_soon(place) for place in (0, 3, 4, 8)] == [True, True, False, False]


class CountingRing(Ring):
    """A ring that counts the entries it hands out."""

    looked_at = 0

    def _entry(self, seq: int) -> Entry:
        self.looked_at += 1
        return super()._entry(seq)


def test_catching_up_from_the_ring_looks_at_the_events_of_its_topics_only() -> None:
    """Law 11: the cost does not grow with what happened to others."""
    ring = CountingRing(head=0)
    mine, others = TOPICS[0], [Topic(f"other/{n}") for n in range(50)]
    for seq in range(1, 5001):
        ring.append(event(seq, topic=mine if seq % 50 == 0 else others[seq % 50]))
    ring.looked_at = 0
    assert len(list(ring.of_topics([mine, TOPICS[1]], after=0))) == 100
    assert ring.looked_at == 100


def test_ring_of_a_busy_topic_stays_bounded() -> None:
    ring = Ring(head=0, slots=8)
    for seq in range(1, 1001):
        ring.append(event(seq))
    assert [entry.event.seq for entry in ring.of_topic(TOPICS[0], after=ring.floor)] == list(range(993, 1001))
    assert len(ring._by_topic[TOPICS[0]]) <= 2 * 8 + 1


@given(
    slots=st.integers(1, 8),
    limit=st.integers(1, 60),
    acts=st.lists(st.tuples(st.sampled_from(TOPICS), kinds, st.booleans()), max_size=40),
)
def test_ring_erases_a_topic_and_keeps_its_places(slots: int, limit: int, acts: list[tuple[Topic, str, bool]]) -> None:
    """Like a list in which events of a topic are replaced, whatever is appended and dropped before and after."""
    ring = Ring(head=0, slots=slots, limit=limit)
    log: list[Event] = []
    for seq, (topic, kind, erased) in enumerate(acts, start=1):
        log.append(Event(seq=seq, topic=topic, type=kind, data=b"x" * 10))
        ring.append(log[-1])
        if erased:
            ring.erase(topic)
            log = [Event(seq=e.seq, topic=Topic(""), type="erased", data=b"{}") if e.topic == topic else e for e in log]
        assert [entry.event for entry in ring.after(ring.floor)] == log[ring.floor :]
        for other in (*TOPICS, Topic("")):
            found = [entry.event for entry in ring.of_topic(other, after=ring.floor)]
            assert found == [e for e in log[ring.floor :] if e.topic == other]
            follows = [e for e in found if e.type.startswith("follow.")]
            assert ring.follows(other, after=ring.floor) == follows
