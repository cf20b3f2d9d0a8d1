"""The contract of every store: law 1 (durable before visible), law 2 (total order), and answers like a list's."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.log import Log
from tests.store.adapters import ADAPTERS, Adapter, OpenStore, quick_folder
from tests.store.conftest import Open
from tests.store.strategies import (
    ALICE,
    BOB,
    DAY,
    NOW,
    POST,
    do,
    failing,
    failing_after_an_answered_write,
    failing_late,
    failing_too_late,
    inbox,
    log,
    note,
    overrides_of,
    posting,
    run,
    said,
    violation,
)  # fmt: skip
from tidings.domain.cursor import Cursor
from tidings.domain.errors import InvalidRequest, NotFound
from tidings.domain.model import Event
from tidings.domain.results import Published
from tidings.domain.topics import ALL, Topic, User, own_topic
from tidings.store.transactions.changes import retract, update
from tidings.store.transactions.epochs import fork
from tidings.store.transactions.follows import follow, followers, register_users, set_mutes, unfollow
from tidings.store.transactions.inbox import Filter
from tidings.store.transactions.reading import mark_ids, read_up_to
from tidings.store.transactions.retention import LogPart, Retention, measure, prune
from tidings.store.transactions.tickets import give_ticket, use_ticket
from tidings.store.transactions.transaction import Job, Query, Script, Snapshot, Transaction

FOREVER = 1 << 50


def seqs(events: Any) -> list[int]:
    return [event.seq for event in events]


# Order


async def test_seqs_have_no_holes_and_are_the_order_of_the_commits(open_store: Open) -> None:
    """Several writers at once, on two nodes, with jobs that fail and jobs that break among theirs."""
    stores = [await open_store(), await open_store()]
    rng = random.Random(1)
    batches: list[list[Event]] = []

    async def write(store: OpenStore) -> None:
        for _ in range(12):
            jobs: list[Job[Any]] = [
                rng.choice([posting(), posting(note(POST), note()), failing(), failing_late(), violation()])
                for _ in range(rng.randint(1, 4))
            ]
            done = await store.transact(jobs)
            batches.append(list(done.events))
            for job, result in zip(jobs, done.results, strict=True):
                assert isinstance(result, list | NotFound | ZeroDivisionError), (job, result)

    await asyncio.gather(*[write(store) for store in stores for _ in range(4)])
    kept = await log(stores[0])
    assert seqs(kept) == list(range(1, len(kept) + 1))
    assert {event.type for event in kept} == {"notification.created"}
    assert sorted(seqs(event for batch in batches for event in batch)) == seqs(kept)
    assert await stores[1].span() == (0, len(kept))


async def test_answered_write_comes_before_later_ones(store: OpenStore) -> None:
    for expected in range(1, 6):
        [answer] = await do(store, posting())
        assert answer.cursor == f"{store.epoch}-{expected}"
        assert (await store.span())[1] == expected


async def test_the_results_are_in_the_order_of_the_jobs(store: OpenStore) -> None:
    first, second = await run(store, posting(note(title="one")), posting(note(title="two"), note(title="three")))
    assert [one.cursor for one in (*first, *second)] == [f"{store.epoch}-{seq}" for seq in (1, 2, 3)]
    assert [said(event)["title"] for event in await log(store)] == ["one", "two", "three"]


# All or nothing


@pytest.mark.parametrize("refused", [failing, failing_late], ids=["at once", "after it appended"])
async def test_a_job_that_raises_changes_nothing_and_others_go_on(store: OpenStore, refused: Any) -> None:
    before, error, after = await run(store, posting(), refused(), posting())
    assert isinstance(error, NotFound)
    assert [before[0].cursor, after[0].cursor] == [f"{store.epoch}-1", f"{store.epoch}-2"]
    assert seqs(await log(store)) == [1, 2]
    assert [item.type for item in (await inbox(store, ALICE)).items] == ["note", "note"]


async def test_a_job_that_breaks_takes_no_other_with_it(store: OpenStore) -> None:
    before, error, refused, after = await run(store, posting(), violation(), failing(), posting())
    assert isinstance(error, ZeroDivisionError)
    assert isinstance(refused, NotFound)
    assert [before[0].cursor, after[0].cursor] == [f"{store.epoch}-1", f"{store.epoch}-2"]
    assert seqs(await log(store)) == [1, 2]
    assert await store.feeds([User("nobody")]) == [None]


@pytest.mark.parametrize("refused", [failing_late, failing_too_late, failing_after_an_answered_write])
async def test_writes_of_a_job_that_raised_are_not_there(store: OpenStore, refused: Any) -> None:
    await do(store, give_ticket("t", "{}", user=None, lifetime=1000))
    before, error, after = await run(store, posting(), refused(), posting())
    assert isinstance(error, NotFound)
    assert [before[0].cursor, after[0].cursor] == [f"{store.epoch}-1", f"{store.epoch}-2"]
    assert [event.type for event in await log(store)] == ["notification.created"] * 2
    assert await store.feeds([User("nobody")]) == [None]
    assert await do(store, use_ticket("t")) == "{}"


async def test_a_script_finds_what_it_wrote_itself(store: OpenStore) -> None:
    def job(transaction: Transaction) -> Script[Any]:
        before = yield Query("users_of", {"user_ids": '["alice"]'})
        transaction.write("add_users", user_id="alice", seq=7)
        after = yield Query("users_of", {"user_ids": '["alice"]'})
        return len(before), [row.first_seen_seq for row in after]

    assert await do(store, job) == (0, [7])


async def test_a_job_that_breaks_alone_leaves_the_store_as_it_was(store: OpenStore) -> None:
    [error] = await run(store, violation())
    assert isinstance(error, ZeroDivisionError)
    assert await store.span() == (0, 0)
    await do(store, posting())
    assert seqs(await log(store)) == [1]


async def test_jobs_of_one_transaction_see_each_other(store: OpenStore) -> None:
    [published] = await do(store, posting())
    results = await run(
        store, posting(note(group_key="k")), retract(published.id), posting(note(group_key="k")), retract(published.id)
    )
    assert results[1] == 1
    assert isinstance(results[3], NotFound)
    [item] = (await inbox(store, ALICE)).items
    assert item.group is not None
    assert item.group.count == 2


# Epochs


async def test_ids_and_cursors_of_an_earlier_epoch_stay_valid(store: OpenStore) -> None:
    [old] = await do(store, posting(note(own_topic(ALICE), own_topic(BOB))))
    assert await do(store, fork("second")) == 2
    [new] = await do(store, posting())
    assert (store.epoch, new.id, new.cursor) == ("second", "n-second-3", "second-3")
    await do(store, mark_ids(ALICE, [old.id], verb="archive"))
    await do(store, update(old.id, {"title": "after"}))
    for user, status in ((ALICE, "ARCHIVED"), (BOB, "UNREAD")):
        item = (await inbox(store, user, Filter(archived=True))).items[-1]
        assert (item.id, item.title, item.status) == (old.id, "after", status)
    answer = await do(store, read_up_to(BOB, Cursor.parse(old.cursor), verb="read"))
    assert answer.counters.unread == 0
    assert await do(store, retract(old.id)) == 2
    assert {said(event)["id"] for event in (await log(store))[-2:]} == {old.id}


@pytest.mark.parametrize("lost", ["3", "99"])
async def test_item_lost_in_a_fork_is_not_taken_for_a_later_one(store: OpenStore, lost: str) -> None:
    first = store.epoch
    await do(store, posting(note(), note()))
    await do(store, fork("second"))
    await do(store, posting(note(), note()))
    with pytest.raises(NotFound):
        await do(store, update(f"n-{first}-{lost}", {"title": "of another item"}))
    with pytest.raises(InvalidRequest):
        await do(store, read_up_to(ALICE, Cursor.parse(f"{first}-{lost}"), verb="read"))
    await do(store, mark_ids(ALICE, [f"n-{first}-{lost}"], verb="read"))
    assert {item.status for item in (await inbox(store, ALICE)).items} == {"UNREAD"}


async def test_every_process_learns_of_a_fork_with_its_next_look(open_store: Open) -> None:
    one, two, three = [await open_store() for _ in range(3)]
    await do(one, posting())
    await do(one, fork("second"))
    assert [store.epoch == "second" for store in (one, two, three)] == [True, False, False]
    [published] = await do(two, posting())
    assert published.cursor == "second-2"
    await three.span()
    assert three.lineage.epochs == one.lineage.epochs == two.lineage.epochs
    assert [epoch.forked_at for epoch in one.lineage.epochs] == [0, 1]


# Durability


async def test_answered_writes_are_there_after_the_store_is_opened_again(adapter: Adapter, place: Any) -> None:
    store = await adapter.open(place)
    await run(store, register_users([ALICE]), posting(note(title="ä\u2028\x00")), follow([(ALICE, POST)]))
    await do(store, set_mutes(ALICE, ["type:like"]))
    before = (store.epoch, await store.span(), await log(store), await store.feeds([ALICE]), await inbox(store, ALICE))
    await store.close()
    store = await adapter.open(place)
    after = (store.epoch, await store.span(), await log(store), await store.feeds([ALICE]), await inbox(store, ALICE))
    await store.close()
    assert before == after
    assert before[1] == (0, 3)


async def test_two_logs_are_never_taken_for_each_other(adapter: Adapter) -> None:
    epochs = set()
    for _ in range(3):
        with quick_folder() as folder:
            store = await adapter.open(adapter.place(folder))
            epochs.add(store.epoch)
            await store.close()
    assert len(epochs) == 3
    assert all(epoch.isascii() and epoch.isalnum() and epoch.islower() for epoch in epochs)


async def test_a_node_sees_what_another_has_committed(open_store: Open) -> None:
    one, other = await open_store(), await open_store()
    assert one.epoch == other.epoch
    await do(one, posting())
    assert seqs(await log(other)) == [1]
    await do(other, posting())
    assert await one.span() == (0, 2)


async def test_a_snapshot_does_not_change_while_it_is_read(store: OpenStore, adapter: Adapter, place: Any) -> None:
    await do(store, posting())

    async def write_elsewhere() -> None:
        other = await adapter.open(place)
        await do(other, posting())
        await other.close()

    def script(snapshot: Snapshot) -> Any:
        before = yield Query("tail", {"after": 0, "limit": 10})
        with ThreadPoolExecutor(1) as thread:  # this one may be that of a loop
            thread.submit(asyncio.run, write_elsewhere()).result(timeout=20)
        after = yield Query("tail", {"after": 0, "limit": 10})
        return seqs(before), seqs(after), snapshot.head

    assert await store.query(script) == ([1], [1], 1)
    assert await store.span() == (0, 2)


# Reading

FOLLOWABLE = [Topic("author/4"), Topic("author/42"), Topic("author/42/posts")]
TOPICS = [own_topic(ALICE), own_topic(BOB), ALL, *FOLLOWABLE]

topics = st.sampled_from(FOLLOWABLE)
jobs = st.one_of(
    st.sampled_from(TOPICS).map(lambda topic: posting(note(topic))),
    st.tuples(
        st.sampled_from([follow, unfollow]), st.lists(st.tuples(st.sampled_from([ALICE, BOB]), topics), min_size=1)
    ).map(lambda drawn: drawn[0](drawn[1])),
)
questions = st.tuples(
    st.sampled_from([ALICE, BOB]),
    st.lists(st.sampled_from(TOPICS), max_size=2),
    st.integers(0, 15),
    st.integers(0, 40),
    st.integers(1, 6),
)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
@given(
    batches=st.lists(st.lists(jobs, min_size=2, max_size=6), min_size=3, max_size=6),
    asked=st.lists(questions, min_size=8, max_size=16),
    floor=st.integers(0, 10),
)
@settings(max_examples=settings().max_examples // 4)
def test_reading_is_filtering_a_list(
    adapter: Adapter, batches: list[list[Job[Any]]], asked: list[Any], floor: int
) -> None:
    async def compare() -> None:
        with quick_folder() as folder:
            store = await adapter.open(adapter.place(folder))
            try:
                model = Log()
                for batch in batches:
                    await run(store, *batch)
                model.learn(await log(store))
                model.floor = min(floor, model.head)
                rows = model.head - model.floor
                await do(store, prune(Retention(log_age=FOREVER, log_rows=rows, inbox_age=FOREVER), step=1000))
                assert await store.span() == (model.floor, model.head)
                for user, extra, after, through, limit in asked:
                    after, through = min(after, model.head), min(max(after, through), model.head)
                    follows = model.follows(user, at=through)
                    got = await store.read(
                        user, follows=follows, extra=extra, after=after, through=through, limit=limit
                    )
                    expected = model.read(user, follows=follows, extra=extra, after=after, through=through, limit=limit)
                    if expected is None or got is None:
                        assert got is expected
                    else:
                        assert list(got.events) == list(expected.events)
                        assert got.through == expected.through
                    tail = await store.tail(after=after, limit=limit)
                    assert list(tail.events) == list(model.tail(after=after, limit=limit))
                    assert tail.through == max(seqs(tail.events), default=after)
            finally:
                await store.close()

    asyncio.run(compare())


async def test_read_goes_by_the_follows_of_then_and_not_of_now(store: OpenStore) -> None:
    for job in (posting(note(POST)), follow([(ALICE, POST)]), posting(note(POST)), unfollow([(ALICE, POST)])):
        await run(store, job, posting(note(POST)), follow([(BOB, POST)]))
    await run(store, follow([(ALICE, POST)]), posting(note(POST)))
    wanted = ["follow.created", *["notification.created"] * 3, "follow.deleted", "follow.created"]
    events = await log(store)

    async def read(follows: list[Topic], extra: list[Topic], *, after: int, through: int, limit: int) -> list[Event]:
        page = await store.read(ALICE, follows=follows, extra=extra, after=after, through=through, limit=limit)
        assert page is not None
        return list(page.events)

    got = await read([POST], [], after=0, through=len(events), limit=100)
    assert [event.type for event in got] == [*wanted, "notification.created"]
    left = next(event.seq for event in got if event.type == "follow.deleted")
    for after in range(len(events)):
        assert (
            await read([POST], [], after=after, through=len(events), limit=2) == [e for e in got if e.seq > after][:2]
        )
        assert await read([], [], after=after, through=left, limit=100) == [e for e in got if after < e.seq <= left]
        named = [e for e in events if e.seq > after and e.topic in (POST, own_topic(ALICE))]
        assert await read([POST], [POST], after=after, through=len(events), limit=100) == named


async def test_an_event_comes_back_as_it_was_written(store: OpenStore) -> None:
    content: dict[str, Any] = {
        "title": "\u2028 <&> \U0001f600 \x00",
        "data": {"deep": [1, None, "\r\n"]},
        "entity": "post/7",
        "type": "like",
    }
    done = await store.transact([posting(note(POST, **content)), posting(note(POST, priority="critical"))])
    assert list(done.events) == await log(store)
    like, critical = done.events
    assert like.tags == {"type:like", "topic:post/7", "entity:post/7"}
    assert critical.tags == frozenset()
    assert said(like)["title"] == content["title"]
    assert said(like)["data"] == content["data"]


async def test_registered_user_gets_the_feed_of_that_moment(store: OpenStore) -> None:
    await run(store, posting(note(ALL), note()), follow([(ALICE, POST)]), set_mutes(ALICE, ["topic:author/4"]))
    await do(store, posting(note()))
    [feeds] = await run(store, register_users([ALICE, BOB, ALICE]))
    assert feeds == await store.feeds([ALICE, BOB, ALICE])
    assert [(feed.head, feed.follows, feed.counters.unread) for feed in feeds[:2]] == [(5, (POST,), 2), (5, (), 0)]
    await do(store, posting(note(ALL)))
    again = await do(store, register_users([ALICE]))
    assert [feed.counters.unread for feed in again] == [3]


async def test_feeds_are_of_one_moment_and_each_of_its_user(store: OpenStore) -> None:
    await run(
        store,
        register_users([ALICE]),
        register_users([User("alice2")]),
        posting(note(ALL), note(), note(own_topic(User("alice2")))),
    )
    await do(store, follow([(ALICE, POST), (User("alice2"), Topic("post/77"))]))
    await do(store, set_mutes(ALICE, ["type:like", "topic:author/4"]))
    alice, nobody, other = await store.feeds([ALICE, BOB, User("alice2")])
    assert nobody is None
    assert alice is not None
    assert other is not None
    assert (alice.head, alice.floor, other.head) == (6, 0, 6)
    assert (alice.follows, other.follows) == ((POST,), (Topic("post/77"),))
    assert [set(alice.mutes), set(other.mutes)] == [{"type:like", "topic:author/4"}, set()]
    assert (alice.counters.unread, other.counters.unread) == (2, 2)


# Following


async def test_following_many_at_once_says_how_many_are_new(store: OpenStore) -> None:
    users = [User(f"u{number:02}") for number in range(25)]
    assert await do(store, follow([(user, POST) for user in users[:10]])) == 10
    assert await do(store, follow([(user, POST) for user in users])) == 15
    assert await do(store, unfollow([(user, POST) for user in (users[0], users[0], BOB)])) == 1
    assert len(await log(store)) == 26
    found = [""]
    while page := await store.query(followers(POST, after=found[-1], limit=7)):
        found += page
    assert found[1:] == users[1:]


async def test_write_that_changes_nothing_is_no_event(store: OpenStore) -> None:
    [item] = await do(store, posting())
    await do(store, set_mutes(ALICE, ["type:like"]))
    await do(store, mark_ids(ALICE, [item.id], verb="archive"))
    _, head = await store.span()
    await run(
        store,
        set_mutes(ALICE, ["type:like", "type:like"]),
        unfollow([(ALICE, POST)]),
        mark_ids(ALICE, [item.id], verb="archive"),
        mark_ids(ALICE, [item.id, f"n-{store.epoch}-99", "n-elsewhere-1"], verb="unread"),
        mark_ids(BOB, [item.id], verb="read"),
    )
    assert (await store.span())[1] == head


# Retention


async def test_rows_over_the_limit_go_in_steps_and_the_log_says_where_it_starts(store: OpenStore) -> None:
    await do(store, posting(*[note() for _ in range(10)]))
    keep = Retention(log_age=FOREVER, log_rows=3, inbox_age=FOREVER)
    steps = []
    while await do(store, prune(keep, step=4)):
        steps.append((await store.span())[0])
    assert steps == [4]
    assert await store.span() == (7, 10)
    assert seqs(await log(store)) == [8, 9, 10]
    assert await store.read(ALICE, follows=(), extra=(), after=6, through=10, limit=10) is None
    assert len((await inbox(store, ALICE)).items) == 10


async def test_log_is_measured_in_parts_by_who_caused_what(store: OpenStore) -> None:
    await do(store, posting(note(), note()))
    await do(store, follow([(ALICE, Topic("author/1")), (ALICE, Topic("author/2"))]))
    sizes = [len(event.data) for event in await log(store)]
    part, floor = await store.query(measure(after=0, step=3))
    assert (part, floor) == (LogPart(0, 3, 1, sum(sizes[:3])), 0)
    part, _ = await store.query(measure(after=3, step=3))
    assert part == LogPart(3, 4, 1, sizes[3])
    assert await store.query(measure(after=4, step=3)) == (None, 0)


async def test_old_events_go_and_young_ones_stay(store: OpenStore) -> None:
    await do(store, posting(note(), note()), now=NOW)
    await do(store, posting(), now=NOW + DAY)
    keep = Retention(log_age=DAY, log_rows=1000, inbox_age=FOREVER)
    assert not await do(store, prune(keep, step=100), now=NOW + DAY)
    assert (await store.span())[0] == 0
    assert not await do(store, prune(keep, step=100), now=NOW + DAY + 1)
    assert await store.span() == (2, 3)
    assert not await do(store, prune(keep, step=100), now=NOW + 9 * DAY)
    assert await store.span() == (3, 3)
    assert await log(store) == []
    await do(store, posting())
    assert seqs(await log(store)) == [4]


async def test_old_notifications_go_with_what_was_marked_on_them(store: OpenStore) -> None:
    old = await do(store, posting(*[note() for _ in range(5)]), now=NOW)
    [young] = await do(store, posting(), now=NOW + DAY)
    await do(store, mark_ids(ALICE, [one.id for one in (*old, young)], verb="archive"), now=NOW + DAY)
    keep = Retention(log_age=FOREVER, log_rows=1000, inbox_age=DAY)
    assert [await do(store, prune(keep, step=2), now=NOW + DAY + 1) for _ in range(3)] == [True, True, False]
    kept = await overrides_of(store, ALICE)
    assert [row.item_id for row in kept] == [6]
    await do(store, mark_ids(ALICE, [young.id], verb="unarchive"), now=NOW + DAY + 1)
    assert [item.id for item in (await inbox(store, ALICE)).items] == [young.id]


async def test_retention_goes_in_bounded_steps(store: OpenStore) -> None:
    """A step is a transaction of its own, and no larger than was asked."""
    await do(store, posting(*[note() for _ in range(50)]))
    none = Retention(log_age=-1, log_rows=0, inbox_age=-1)
    floors = []
    for _ in range(10):
        assert await do(store, prune(none, step=10), now=NOW) is True
        floors.append((await store.span())[0])
    assert floors == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]  # what leaves the inboxes is told, and told for a while
    assert await do(store, prune(none, step=10), now=NOW) is False


async def test_item_past_the_inbox_age_is_removed_from_open_inboxes_too(store: OpenStore) -> None:
    [answer] = await do(store, posting(note(own_topic(ALICE), own_topic(BOB))))
    aged = Retention(log_age=10**12, log_rows=100, inbox_age=1000)
    assert not await do(store, prune(aged, step=10), now=NOW + 1000)
    assert len((await inbox(store, BOB)).items) == 1
    assert not await do(store, prune(aged, step=10), now=NOW + 1001)
    assert (await inbox(store, BOB)).items == []
    gone = [event for event in await log(store) if event.type == "notification.deleted"]
    assert [event.topic for event in gone] == [own_topic(ALICE), own_topic(BOB)]
    assert [said(event) for event in gone] == [{"id": answer.id, "reason": "expired"}] * 2


async def test_an_answer_says_what_was_stored(store: OpenStore) -> None:
    [answer] = await do(store, posting(note(own_topic(ALICE), own_topic(BOB))))
    assert answer == Published(
        id=f"n-{store.epoch}-1", cursor=f"{store.epoch}-2", create_time="2026-01-01T00:00:00.000Z"
    )
    [alice], [bob] = [(await inbox(store, user)).items for user in (ALICE, BOB)]
    assert (alice.id, bob.id) == (answer.id, answer.id)
