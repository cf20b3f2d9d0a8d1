"""Reads and writes stay small, however much there is: counted in steps of SQLite's virtual machine."""

from collections.abc import AsyncIterator, Awaitable

import pytest

from tests.store.adapters import quick_folder
from tests.store.strategies import ALICE, BOB, do, note, posting
from tidings.domain.model import Counters, EventPage
from tidings.domain.topics import Topic, User, own_topic
from tidings.store.sqlite.adapter import READ_THREADS, SqliteStore
from tidings.store.transactions.counters import count
from tidings.store.transactions.follows import follow, register_users, set_mutes
from tidings.store.transactions.transaction import Script, Snapshot

pytestmark = pytest.mark.anyio

BATCH = 1000
MANY = 20_000  # rows
STEP = 100  # instructions of the virtual machine


class Watched:
    """A store in a file, and the steps that its connections have taken."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.steps = 0
        for _ in range(READ_THREADS):
            connection = store._idle.get()
            connection.set_progress_handler(self._step, STEP)
            store._idle.put(connection)
        store._writer.set_progress_handler(self._step, STEP)

    def _step(self) -> bool:
        self.steps += 1
        return False

    async def of(self, work: Awaitable[object]) -> int:
        """The steps that this takes."""
        before = self.steps
        await work
        return self.steps - before


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    with quick_folder() as folder:
        store = await SqliteStore.open(folder / "tidings.db")
        yield Watched(store)
        await store.close()


async def many(store: SqliteStore, *topics: Topic, number: int = MANY) -> None:
    """So many notifications, spread over these topics."""
    for start in range(0, number, BATCH):
        await do(store, posting(*[note(topics[index % len(topics)]) for index in range(start, start + BATCH)]))


async def counters(store: SqliteStore, user: User) -> Counters:
    def script(snapshot: Snapshot) -> Script[Counters]:
        return (yield from count(user, cap=snapshot.cap))

    return await store.query(script)


AUTHORS = [Topic(f"author/{number}") for number in range(100)]


async def test_counters_look_at_a_bounded_number_of_muted_items(watched: Watched) -> None:
    store = watched.store
    await do(store, register_users([ALICE, BOB]))
    await do(store, follow([(user, topic) for user in (ALICE, BOB) for topic in AUTHORS]))
    await many(store, *AUTHORS)
    change = await watched.of(do(store, set_mutes(ALICE, ["type:like", "type:note"])))
    muted, capped = await watched.of(counters(store, ALICE)), await watched.of(counters(store, BOB))
    assert max(muted, change) < 8 * capped, (muted, change, capped)
    assert await counters(store, ALICE) == Counters(more=True)


async def test_counters_of_what_is_not_muted_are_exact_among_a_thousand_muted_items(watched: Watched) -> None:
    store = watched.store
    await do(store, register_users([ALICE]))
    await do(store, set_mutes(ALICE, ["type:noise"]))
    await do(store, posting(*[note(own_topic(ALICE), type="noise")] * (BATCH - 1)))
    await do(store, posting(*[note(own_topic(ALICE), type="like")] * 30))
    assert await counters(store, ALICE) == Counters(unread=30, unseen=30, by_type={"like": 30})


async def test_page_of_the_log_costs_what_is_on_it_however_many_topics_are_followed(watched: Watched) -> None:
    """The first events of a hundred topics are found without a look at a page's worth of each."""
    store = watched.store
    await do(store, register_users([ALICE]))
    await many(store, *AUTHORS)

    async def page(topics: list[Topic], *, limit: int) -> float:
        """The steps for one event."""
        found: list[EventPage | None] = []

        async def read() -> None:
            head = (await store.span())[1]
            found.append(await store.read(ALICE, follows=topics, extra=(), after=0, through=head, limit=limit))

        steps = await watched.of(read())
        assert found[0] is not None and limit // 2 < len(found[0].events) <= limit
        return steps / len(found[0].events)

    few, most = await page(AUTHORS[:1], limit=150), await page(AUTHORS, limit=150)
    assert most < 8 * few, (few, most)


async def test_reader_that_follows_a_quiet_topic_gets_its_events_from_anywhere_in_the_log(watched: Watched) -> None:
    store, quiet = watched.store, Topic("author/quiet")
    for _ in range(3):
        await do(store, posting(note(quiet)))
        await many(store, *AUTHORS, number=5 * BATCH)
    head = (await store.span())[1]
    after, found = 0, []
    while after < head:
        page = await store.read(ALICE, follows=[quiet], extra=(), after=after, through=head, limit=2)
        assert page is not None and page.through > after
        found += [event.seq for event in page.events]
        after = page.through
    assert found == [1, 5002, 10_003]
