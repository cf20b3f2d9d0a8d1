"""The ring: the newest events without holes, in bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.fake_sink import Lines
from tests.model.profile import tries
from tidings.domain.model import Event
from tidings.domain.topics import Topic
from tidings.hub.ring import Ring

TOPICS = [Topic("a"), Topic("b"), Topic("c")]
kinds = st.sampled_from(["note", "follow.created", "follow.deleted"])


def event(seq: int, *, topic: Topic = TOPICS[0], size: int = 2) -> Event:
    return Event(seq=seq, topic=topic, type="note", data=b"x" * size)


@given(slots=st.integers(1, 8), limit=st.integers(1, 60), events=st.lists(st.tuples(st.sampled_from(TOPICS), kinds)))
@tries(300)
def test_it_knows_the_follows_of_a_topic(slots: int, limit: int, events: list[tuple[Topic, str]]) -> None:
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
@tries(300)
def test_it_is_the_end_of_a_list(start: int, slots: int, limit: int, events: list[tuple[Topic, int]]) -> None:
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
        for topic in TOPICS:
            assert ring.newest(topic) == max((one.seq for one in kept if one.topic == topic), default=0)


@pytest.mark.parametrize("seq", [5, 7])
def test_it_takes_only_what_follows(seq: int) -> None:
    ring = Ring(head=5)
    with pytest.raises(ValueError, match="does not follow"):
        ring.append(event(seq))


def test_an_entry_is_encoded_once_per_format() -> None:
    one, other = Lines("one"), Lines("other")
    entry = Ring(head=0).append(event(1))
    assert entry.frame(one) is entry.frame(one)
    assert entry.frame(other) is entry.frame(other)
    assert (one.calls[1], other.calls[1]) == (1, 1)


def test_what_is_encoded_for_one_reader_is_not_kept() -> None:
    lone = Lines("lone")
    lone.shared = False
    entry = Ring(head=0).append(event(1))
    assert entry.frame(lone) == entry.frame(lone)
    assert lone.calls[1] == 2


def test_it_says_when_a_place_is_about_to_wear_off() -> None:
    ring = Ring(head=0, slots=8)
    for seq in range(1, 9):
        ring.append(event(seq))
    assert [ring.evicts_soon(place) for place in (0, 3, 4, 8)] == [True, True, False, False]
