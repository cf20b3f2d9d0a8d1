"""The statements of a transaction do not grow with its jobs or their rows (BEGIN and COMMIT are not counted)."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from tests.store.adapters import CLOCK, quick_folder
from tests.store.strategies import NOW, note, posting
from tidings.domain.cursor import Cursor
from tidings.domain.errors import NotFound
from tidings.domain.topics import User, own_topic
from tidings.store.sqlite.adapter import SqliteStore
from tidings.store.transactions.follows import register_users
from tidings.store.transactions.idempotency import IdempotencyKey, idempotent
from tidings.store.transactions.inbox import Filter, page
from tidings.store.transactions.reading import mark_ids, read_up_to
from tidings.store.transactions.transaction import Job, Planned, Query

USERS = [User(f"u{number}") for number in range(40)]
TOPICS = [own_topic(user) for user in USERS]


class CountingStore(SqliteStore):
    """Remembers the queries of each transaction."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.asked: list[str] = []
        super().__init__(*args, **options)

    def _execute(self, connection: Any, query: Query) -> Any:
        self.asked.append(query.name)
        return super()._execute(connection, query)

    async def run(self, jobs: Sequence[Job[Any]]) -> list[str]:
        """The queries of one transaction, in which no job fails."""
        self.asked.clear()
        done = await self.transact(jobs)
        for result in done.results:
            if isinstance(result, Exception):
                raise result
        return list(self.asked)


@pytest.fixture
async def store() -> AsyncIterator[CountingStore]:
    """A store whose users have come, and in whose inboxes is something."""
    CLOCK.now = NOW
    with quick_folder() as folder:
        store = await CountingStore.open(folder / "tidings.db", clock=CLOCK)
        await store.run([register_users(USERS)])
        await store.run([posting(note(*TOPICS)), posting(note(*TOPICS, group_key="k"))])
        yield store
        await store.close()


def ids(store: CountingStore) -> list[str]:
    return [f"n-{store.epoch}-1"]


def keyed(job: Job[Any], key: str) -> Job[Any]:
    return idempotent(job, lambda _: b"{}", status=201, key=IdempotencyKey("p", key, "f"))


Jobs = Callable[[CountingStore, int], list[Job[Any]]]

KINDS: dict[str, tuple[int, Jobs]] = {
    "publishes": (4, lambda store, size: [posting(note(TOPICS[i])) for i in range(size)]),
    "a batch": (4, lambda store, size: [posting(*[note(TOPICS[i]) for i in range(size)])]),
    "publishes with keys": (
        6, lambda store, size: [keyed(posting(note(TOPICS[i])), f"k{size}-{i}") for i in range(size)]
    ),
    "merges": (6, lambda store, size: [posting(note(TOPICS[i], group_key="k")) for i in range(size)]),
    "merges into one": (5, lambda store, size: [posting(*[note(TOPICS[0], group_key="k")] * size)]),
    "new groups": (5, lambda store, size: [posting(*[note(TOPICS[i], group_key=f"new{size}") for i in range(size)])]),
    "merges with keys": (
        8, lambda store, size: [keyed(posting(note(TOPICS[i], group_key="k")), f"m{size}-{i}") for i in range(size)]
    ),
    "read up to": (
        6, lambda store, size: [read_up_to(USERS[i], Cursor(store.epoch, 50), verb="read") for i in range(size)]
    ),
    "marks by id": (7, lambda store, size: [mark_ids(USERS[i], ids(store), verb="archive") for i in range(size)]),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_statements_do_not_grow_with_the_jobs(store: CountingStore, kind: str) -> None:
    most, jobs = KINDS[kind]
    asked = [await store.run(jobs(store, size)) for size in (3, 32)]
    assert len(asked[0]) == len(asked[1]) <= most, asked


async def test_statements_of_any_mix_do_not_grow_with_the_jobs(store: CountingStore) -> None:
    asked = []
    for size in (3, 8):
        jobs = [job for kind, (_, make) in KINDS.items() if kind != "marks by id" for job in make(store, size)]
        asked.append(await store.run(jobs))
    assert len(asked[0]) == len(asked[1]) <= 14, asked


# Rows that are looked up once are kept up to date


async def test_one_group_a_hundred_times_in_one_transaction(store: CountingStore) -> None:
    await store.run([posting(note(TOPICS[0], group_key="g", actor={"id": n % 7})) for n in range(100)])
    CLOCK.now = NOW + 5000
    await store.run([posting(note(TOPICS[0], group_key="g", actor={"id": 7}, title="last"))])

    found = await store.query(page(USERS[0], Filter(), before=1 << 62, limit=1))
    [item] = found.items
    assert item.group is not None
    assert (item.group.count, item.group.total, item.title, item.revision) == (101, 8, "last", 101)


async def test_one_key_twice_in_one_transaction_with_a_group_of_its_own(store: CountingStore) -> None:
    job = posting(note(TOPICS[0], group_key="g"))
    done = await store.transact([keyed(job, "a"), keyed(job, "b"), keyed(job, "a")])
    assert [result.replayed for result in done.results] == [False, False, True]
    assert [event.type for event in done.events] == ["notification.created", "notification.updated"]


async def test_a_group_that_a_refused_job_opened_is_not_there(store: CountingStore) -> None:
    def refused(transaction: Any) -> Any:
        yield from posting(note(TOPICS[0], group_key="g"))(transaction)
        raise NotFound("there is no such thing")

    done = await store.transact([Planned(refused), posting(note(TOPICS[0], group_key="g"))])
    assert isinstance(done.results[0], NotFound)
    assert [event.type for event in done.events] == ["notification.created"]
