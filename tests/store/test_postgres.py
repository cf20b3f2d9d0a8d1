"""The PostgreSQL store's outages, its plans, its schema."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from tests.postgres import PostgresServer, fresh_schema, shared_server
from tests.servers import eventually
from tests.store.cutting_proxy import Cut, cutting_proxy
from tests.store.strategies import ALICE, BOB, do, inbox, log, note, posting, run, said
from tests.store.test_queries import LARGE, WALKS
from tidings.domain.errors import CommitUnknown, StoreTooNew, StoreUnavailable
from tidings.domain.notification import rfc3339
from tidings.domain.topics import Topic, User, own_topic
from tidings.store.dialect import migrations
from tidings.store.postgres import commit as commit_module
from tidings.store.postgres.adapter import FROZEN, PostgresStore
from tidings.store.postgres.statements import statements
from tidings.store.transactions.follows import follow, register_users
from tidings.store.transactions.idempotency import IdempotencyKey, idempotent
from tidings.store.transactions.reading import mark_ids


@pytest.fixture
def schema() -> str:
    return fresh_schema()


@pytest.fixture
async def store(schema: str) -> AsyncIterator[PostgresStore]:
    store = await PostgresStore.open(shared_server().dsn, schema=schema)
    yield store
    await store.close()


@pytest.fixture
async def admin(schema: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(shared_server().dsn)
    await connection.execute(f"SET search_path = {schema}")
    yield connection
    await connection.close()


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server to break."""
    server = PostgresServer()
    try:
        yield server.start()
    finally:
        server.remove()


# The outcome of a COMMIT


@pytest.mark.parametrize(("cut", "done"), [("before", False), ("after", True)])
async def test_a_commit_whose_answer_was_lost_is_asked_about(
    store: PostgresStore, schema: str, cut: Cut, done: bool
) -> None:
    async with cutting_proxy(shared_server().port) as proxy:
        dsn = shared_server().dsn.replace(str(shared_server().port), str(proxy.port))
        cutting = await PostgresStore.open(dsn, schema=schema)
        proxy.cut = cut
        [result] = await run(cutting, posting())
        assert isinstance(result, StoreUnavailable) is not done
        assert len(await log(store)) == done
        [[again]] = await run(cutting, posting())
        assert again.cursor == f"{store.epoch}-{done + 1}"
        await cutting.close()


async def test_a_commit_that_cannot_be_asked_about_is_unknown_and_not_done_again(
    store: PostgresStore, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_module, "ASK_FOR", 0.5)
    async with cutting_proxy(shared_server().port) as proxy:
        dsn = shared_server().dsn.replace(str(shared_server().port), str(proxy.port))
        cutting = await PostgresStore.open(dsn, schema=schema)
        proxy.cut = "after"
        proxy.closed_for.set()
        assert [type(result) for result in await run(cutting, posting(), posting())] == [CommitUnknown] * 2
        assert len(await log(store)) == 2
        await cutting.close()


async def test_a_commit_that_a_crash_undid_is_not_taken_for_another_with_its_number(server: PostgresServer) -> None:
    """A number that was not on the disk is given again."""
    async with cutting_proxy(server.port) as proxy:
        cutting = await PostgresStore.open(server.dsn.replace(str(server.port), str(proxy.port)))
        proxy.cut = "before"
        proxy.closed_for.set()
        asked = asyncio.create_task(run(cutting, posting(note(title="undone"))))
        await asyncio.to_thread(eventually, "it is cut", lambda: proxy.cut is None)
        server.kill()
        server.start()
        other = await PostgresStore.open(server.dsn)
        for _ in range(5):
            await do(other, posting(note(title="kept")))
        proxy.closed_for.clear()
        assert [isinstance(result, StoreUnavailable) for result in await asked] == [True]
        assert {said(event)["title"] for event in await log(other)} == {"kept"}
        await cutting.close()
        await other.close()


# Outages


async def test_a_node_that_is_frozen_with_the_lock_stops_the_others_for_half_a_second(
    store: PostgresStore, schema: str
) -> None:
    """When it wakes, its transaction was rolled back."""
    frozen = await PostgresStore.open(shared_server().dsn, schema=schema)
    async with frozen._writing.use() as connection:
        await frozen._lock(connection)
        start = time.monotonic()
        await do(store, posting())
        assert time.monotonic() - start < FROZEN / 1000 + 5  # and not LOCK_TIMEOUT: the machine may be busy
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await connection.fetchval("SELECT 1")
    [[published]] = await run(frozen, posting())
    assert published.cursor == f"{store.epoch}-2"
    await frozen.close()


@pytest.mark.parametrize("how", ["killed", "shut down"])
async def test_a_server_that_is_started_again_is_found_again_with_all_that_was_answered(
    server: PostgresServer, how: str
) -> None:
    store = await PostgresStore.open(server.dsn)
    await run(store, posting())
    await log(store)
    server.kill() if how == "killed" else server.stop()
    [error] = await run(store, posting())
    assert isinstance(error, StoreUnavailable)
    with pytest.raises(StoreUnavailable):
        await store.span()
    server.start()
    assert await store.span() == (0, 1)
    [[published]] = await run(store, posting())
    assert published.cursor == f"{store.epoch}-2"
    await store.close()


async def test_a_database_on_another_server_goes_on_under_another_epoch(
    store: PostgresStore, schema: str, admin: asyncpg.Connection
) -> None:
    """The last events of the other server may be lost here: their seqs are not given again under the same name."""
    await run(store, posting(), posting())
    await admin.execute("UPDATE head SET place = 'another/1/00000001'")
    promoted = await PostgresStore.open(shared_server().dsn, schema=schema)
    assert promoted.epoch != store.epoch
    assert [epoch.forked_at for epoch in promoted.lineage.epochs] == [0, 2]
    [published] = await do(promoted, posting())
    assert published.cursor == f"{promoted.epoch}-3"
    again = await PostgresStore.open(shared_server().dsn, schema=schema)
    assert again.epoch == promoted.epoch
    for opened in (promoted, again):
        await opened.close()


async def test_a_connection_that_lost_its_place_in_the_protocol_is_ended(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")

    async def fetch(*_: object, **__: object) -> None:
        raise lost

    with monkeypatch.context() as patch:
        patch.setattr(asyncpg.Connection, "fetch", fetch)
        patch.setattr(asyncpg.Connection, "fetchrow", fetch)
        patch.setattr(asyncpg.Connection, "fetchval", fetch)
        with pytest.raises(StoreUnavailable):
            await store.span()
        with pytest.raises(StoreUnavailable):
            await do(store, posting())
    await do(store, posting())
    assert len(await log(store)) == 1


async def test_a_server_that_is_not_there_is_one_clear_error() -> None:
    with pytest.raises(StoreUnavailable, match="the database cannot take this now"):
        await PostgresStore.open("postgresql://postgres@127.0.0.1:1/postgres")


# Durability


async def test_every_commit_is_durable_whatever_the_database_is_set_to(store: PostgresStore) -> None:
    async with store._writing.use() as connection:
        await connection.execute("SET synchronous_commit = off")
        await store._lock(connection)
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        await connection.execute("ROLLBACK")


async def test_a_store_takes_the_time_from_the_database(store: PostgresStore) -> None:
    before = time.time_ns() // 1_000_000
    [published] = await do(store, posting())
    after = time.time_ns() // 1_000_000
    assert rfc3339(before - 1) <= published.create_time <= rfc3339(after + 1)


# Plans


async def plans(store: PostgresStore) -> dict[str, str]:
    """How the server goes about each query."""
    found = {}
    async with store._reading.use() as connection:
        for name, query in statements().items():
            if query.sql:
                await connection.execute(store._begin_reading.replace("READ ONLY", "READ WRITE"))
                await connection.execute(f"PREPARE asked AS {query.sql}")
                nulls = ", ".join(["NULL"] * len(query.names))
                rows = await connection.fetch("EXPLAIN EXECUTE asked" + (f"({nulls})" if nulls else ""))
                found[name] = "\n".join(row[0] for row in rows)
                await connection.execute("ROLLBACK; DEALLOCATE asked")
    return found


@pytest.mark.parametrize("grown", [False, True], ids=["new and never analysed", "grown and analysed"])
async def test_a_query_does_not_read_a_whole_table(
    store: PostgresStore, admin: asyncpg.Connection, grown: bool
) -> None:
    if grown:
        await do(store, register_users([ALICE, BOB]))
        await do(store, follow([(ALICE, Topic(f"post/{number}")) for number in range(500)]))
        await do(store, posting(*[note(f"post/{number % 500}") for number in range(2000)]))
        await do(store, posting(*[note(group_key=f"k{number}") for number in range(300)]))
        marked = [f"n-{store.epoch}-{number}" for number in range(600, 900)]
        await run(store, mark_ids(ALICE, marked, verb="unread"), mark_ids(ALICE, marked, verb="archive"))
        await run(
            store,
            *[
                idempotent(posting(), lambda _: b"{}", status=201, key=IdempotencyKey("s", f"{n}", "f"))
                for n in range(300)
            ],
        )
        await do(store, register_users([User(f"u{number}") for number in range(500)]))
        _, head = await store.span()
        await do(store, posting(*[note(own_topic(User(f"u{number}"))) for number in range(300)]))
        for number in range(300):
            await do(store, mark_ids(User(f"u{number}"), [f"n-{store.epoch}-{head + 1 + number}"], verb="archive"))
        await admin.execute("ANALYZE")
    bad = {}
    for name, plan in (await plans(store)).items():
        # A scan that has no condition on the key walks the whole index.
        walked = re.findall(r"(?:Seq Scan|Index (?:Only )?Scan .*) on (\w+).*(?:\n(?!.*Index Cond)|$)", plan)
        if not LARGE.isdisjoint(walked) and name not in WALKS | TO_A_LIMIT:
            bad[name] = plan
    assert not bad, "\n".join(f"{name}\n{plan}" for name, plan in bad.items())


# An index is walked from one end, up to a limit or for its last key.
TO_A_LIMIT = {"aged_keys", "aged_items", "counts", "span"}


# The schema


async def test_processes_that_start_at_once_make_one_log(schema: str) -> None:
    stores = await asyncio.gather(*[PostgresStore.open(shared_server().dsn, schema=schema) for _ in range(4)])
    assert len({store.epoch for store in stores}) == 1
    for store in stores:
        await store.close()


async def test_a_store_of_a_newer_version_is_refused(
    store: PostgresStore, schema: str, admin: asyncpg.Connection
) -> None:
    await admin.execute(f"COMMENT ON SCHEMA {schema} IS 'tidings schema 99'")
    with pytest.raises(StoreTooNew, match="schema 99"):
        await PostgresStore.open(shared_server().dsn, schema=schema)


async def test_a_store_of_an_older_version_is_brought_up_to_date_and_keeps_what_it_has(
    store: PostgresStore, schema: str, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await do(store, posting())
    newer = [*migrations("postgres"), "CREATE TABLE later AS SELECT count(*)::integer AS a FROM events;"]
    monkeypatch.setattr("tidings.store.postgres.schema.migrations", lambda dialect: newer)
    for _ in range(2):
        found = await PostgresStore.open(shared_server().dsn, schema=schema)
        assert (found.epoch, len(await log(found))) == (store.epoch, 1)
        await found.close()
    assert await admin.fetchval("SELECT a FROM later") == 1


async def test_a_schema_of_something_else_is_refused(schema: str, admin: asyncpg.Connection) -> None:
    await admin.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.other (a integer)")
    with pytest.raises(StoreUnavailable, match="something else"):
        await PostgresStore.open(shared_server().dsn, schema=schema)


async def test_a_role_that_may_only_make_its_own_schema_is_enough(schema: str, admin: asyncpg.Connection) -> None:
    await admin.execute(f"CREATE ROLE {schema}_role LOGIN; GRANT CREATE ON DATABASE postgres TO {schema}_role")
    dsn = shared_server().dsn.replace("postgres@", f"{schema}_role@")
    store = await PostgresStore.open(dsn, schema=schema)
    await do(store, posting(note(own_topic(ALICE))))
    assert len((await inbox(store, ALICE)).items) == 1
    await store.close()
