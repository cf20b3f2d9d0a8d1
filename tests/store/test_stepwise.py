"""Large writes are done in steps: each item whole, none twice, and by another process if the first one ends."""

import pytest

from tests.store.adapters import OpenStore
from tests.store.strategies import ALICE, NOW, POST, do, inbox, log, note, overrides_of, posting, run
from tidings.domain.model import DELETED
from tidings.domain.topics import Topic, User, own_topic
from tidings.store.transactions.changes import drop_marks, marked, retract
from tidings.store.transactions.follows import follow
from tidings.store.transactions.reading import mark_ids
from tidings.store.transactions.stepwise import ABANDONED, abandoned, go_on, retract_contribution, retract_entity

pytestmark = pytest.mark.anyio

STEP = 10


async def about_a_post(store: OpenStore, *, number: int = 25) -> None:
    await do(store, posting(*[note(own_topic(ALICE), entity="post/1", title=str(n)) for n in range(number)]))


async def test_retract_of_an_entity_is_done_in_steps_of_whole_items(store: OpenStore) -> None:
    await about_a_post(store)
    step = await do(store, retract_entity("post/1", step=STEP))
    for number in (10, 20, 25):
        assert step.number == number
        found = await inbox(store, ALICE)
        assert (len(found.items), found.counters.unread) == (25 - number, 25 - number)
        gone = [event for event in await log(store) if event.type == DELETED]
        assert len(gone) == number
        if step.write is not None:
            step = await do(store, go_on(step.write, step=STEP))
    assert step.write is None


async def test_items_that_come_meanwhile_are_not_meant(store: OpenStore) -> None:
    await about_a_post(store)
    step = await do(store, retract_entity("post/1", step=STEP))
    await about_a_post(store, number=1)
    while step.write is not None:
        step = await do(store, go_on(step.write, step=STEP))
    assert (step.number, len((await inbox(store, ALICE)).items)) == (25, 1)


async def test_write_whose_process_has_ended_is_found_after_a_while(store: OpenStore) -> None:
    await about_a_post(store)
    step = await do(store, retract_entity("post/1", step=STEP))
    assert await store.query(abandoned) is None
    later = NOW + ABANDONED + 1
    await do(store, posting(), now=later)  # the clock of these tests moves with a write
    found = await store.query(abandoned)
    assert found == step.write
    done = step
    while done.write is not None:
        done = await do(store, go_on(found, step=STEP), now=later)
    assert done.number == 25
    assert await do(store, go_on(found, step=STEP), now=later) == done  # the caller may still ask how it ended
    await do(store, posting(), now=later + ABANDONED + 1)
    assert await store.query(abandoned) is None


async def test_contributions_are_taken_back_in_steps(store: OpenStore) -> None:
    topics = [Topic(f"post/{number}") for number in range(25)]
    await do(store, follow([(ALICE, topic) for topic in topics]))
    for actor in ("7", "8"):
        await do(store, posting(*[note(topic, group_key="likes", actor={"id": actor}) for topic in topics]))
    step = await do(store, retract_contribution("likes", "7", step=STEP))
    assert (step.number, step.write is None) == (10, False)
    while step.write is not None:
        step = await do(store, go_on(step.write, step=STEP))
    assert step.number == 25
    groups = [item.group for item in (await inbox(store, ALICE)).items]
    assert [group and group.count for group in groups] == [1] * 25


async def test_marks_of_an_item_that_is_gone_are_dropped_in_steps(store: OpenStore) -> None:
    """Only a thousand are dropped with it; nobody sees the rest."""
    users = [User(f"u{number}") for number in range(1200)]
    [sent] = await do(store, posting(note("all", title="to all")))
    await run(store, *[mark_ids(user, [sent.id], verb="archive") for user in users])
    await do(store, retract(sent.id))
    assert await store.query(marked)
    dropped = await do(store, drop_marks(limit=150))
    assert dropped == 150
    assert await store.query(marked)
    assert await do(store, drop_marks(limit=150)) == 50
    assert not await store.query(marked)


async def test_item_with_few_marks_leaves_none(store: OpenStore) -> None:
    await do(store, follow([(ALICE, POST)]))
    [sent] = await do(store, posting(note(POST)))
    await do(store, mark_ids(ALICE, [sent.id], verb="archive"))
    await do(store, retract(sent.id))
    assert not await store.query(marked)
    assert await overrides_of(store, ALICE) == []
