"""The seq rule: whatever order batches come in, they leave in the order of the log, in bounded memory."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.background.sequencer import RUN_BYTES, Sequencer, fresh_events, runs
from tidings.domain.model import Event
from tidings.domain.topics import Topic

TOPIC = Topic("post/7")


def event(seq: int, *, size: int = 2) -> Event:
    return Event(seq=seq, topic=TOPIC, type="note", data=b"x" * size)


def seqs(events: Sequence[Event] | None) -> list[int] | None:
    return None if events is None else [one.seq for one in events]


@pytest.mark.parametrize(
    ("head", "batch", "fresh"),
    [
        (0, [1, 2], [1, 2]),
        (1, [1, 2], [2]),
        (2, [1, 2], []),
        (9, [1, 2], []),
        (0, [2, 3], None),
        (5, [7], None),
    ],
)
def test_fresh_events_of_a_batch(head: int, batch: list[int], fresh: list[int] | None) -> None:
    assert seqs(fresh_events([event(seq) for seq in batch], after=head)) == fresh


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([1, 1000, RUN_BYTES // 2, RUN_BYTES])), max_size=20))
def test_runs_are_consecutive_and_bounded_and_leave_nothing_out(shape: list[tuple[bool, int]]) -> None:
    events: list[Event] = []
    for gap, size in shape:
        events.append(event((events[-1].seq if events else 0) + (2 if gap else 1), size=size))
    parts = list(runs(events))
    assert [one for part in parts for one in part] == events
    for part in parts:
        assert seqs(part) == list(range(part[0].seq, part[-1].seq + 1))
        assert sum(len(one.data) for one in part[:-1]) < RUN_BYTES


@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=12), chosen=st.lists(st.integers(0, 11), max_size=60))
def test_sequencer_hands_on_a_prefix_of_the_log_whatever_comes(sizes: list[int], chosen: list[int]) -> None:
    batches: list[list[Event]] = []
    for size in sizes:
        first = batches[-1][-1].seq + 1 if batches else 1
        batches.append([event(seq) for seq in range(first, first + size)])
    sequencer, head = Sequencer(known=0), 0
    heard: set[int] = set()
    for choice in chosen:
        batch = batches[choice % len(batches)]
        heard.update(one.seq for one in batch)
        sequencer.offer(batch, after=head)
        while taken := sequencer.take(after=head):
            assert seqs(taken) == list(range(head + 1, taken[-1].seq + 1))
            head = taken[-1].seq
        assert head == max(n for n in range(len(heard) + 1) if heard >= set(range(1, n + 1)))
        assert sequencer.known == max(heard)


def test_batches_behind_a_hole_are_bounded_and_the_one_that_fills_it_is_always_taken() -> None:
    sequencer = Sequencer(known=0, limit=100)
    for seq in range(2, 50):
        sequencer.offer([event(seq, size=30)], after=0)
    assert (sequencer.dropped, sequencer.known) == (44, 49)
    sequencer.offer([event(1, size=30)], after=0)
    head = 0
    while taken := sequencer.take(after=head):
        head = taken[-1].seq
    assert head == 5


def test_retracted_batches_are_forgotten() -> None:
    sequencer = Sequencer(known=3)
    sequencer.offer([event(5), event(6)], after=3)
    sequencer.retract(known=3)
    assert sequencer.known == 3
    assert not sequencer.ready(after=4)
