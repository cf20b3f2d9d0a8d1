"""Short words for what tests publish and ask."""

from typing import Any

import msgspec

from tests.store.adapters import CLOCK, OpenStore
from tidings.domain.errors import NotFound
from tidings.domain.model import Draft, Event
from tidings.domain.results import Published
from tidings.domain.topics import Topic, User, own_topic
from tidings.services.store_gateway import NEWEST
from tidings.store.transactions.changes import update
from tidings.store.transactions.inbox import Filter, InboxPage, page
from tidings.store.transactions.publish import publish
from tidings.store.transactions.tickets import use_ticket
from tidings.store.transactions.transaction import Job, Query, Script, Snapshot, Transaction, json_text

NOW = 1_767_225_600_000
DAY = 24 * 3600 * 1000
ALICE, BOB = User("alice"), User("bob")
POST = Topic("post/7")
WINDOW = 12 * 3600 * 1000


def note(
    *topics: str, type: str = "note", group_key: str | None = None, expire_at: int | None = None, **content: Any
) -> Draft:
    """A notification to topics; to Alice if none are named."""
    return Draft(
        topics=tuple(Topic(topic) for topic in topics) or (own_topic(ALICE),),
        content={"type": type, **content},
        group_key=group_key,
        expire_at=expire_at,
    )


def posting(*drafts: Draft) -> Job[list[Published]]:
    return publish(drafts or [note()], group_window=WINDOW)


def failing() -> Job[Published]:
    """A job that raises an error of its caller's making."""
    return update("n-elsewhere-1", {"title": "x"})


def failing_late() -> Job[None]:
    """The same, after it has asked and appended."""

    def script(transaction: Transaction) -> Script[None]:
        yield Query("epochs")
        item_id = transaction.append(own_topic(ALICE), "never", b"{}")
        transaction.add_item(item_id, type="never")
        transaction.write("add_users", user_id="nobody", seq=0)
        raise NotFound("there is no such thing")

    return script


def failing_too_late() -> Job[None]:
    """The same, after what it appended was written, since it has read."""

    def script(transaction: Transaction) -> Script[None]:
        item_id = transaction.append(own_topic(ALICE), "never", b"{}")
        transaction.add_item(item_id, type="never")
        transaction.write("add_users", user_id="nobody", seq=0)
        yield Query("epochs")
        raise NotFound("there is no such thing")

    return script


def failing_after_an_answered_write() -> Job[None]:
    """The same, after a write that it needed the answer of: ticket "t" is used."""

    def script(transaction: Transaction) -> Script[None]:
        assert (yield from use_ticket("t")(transaction)) is not None
        raise NotFound("there is no such thing")

    return script


def violation() -> Job[None]:
    """A job with a bug in it, met after it has written."""

    def script(transaction: Transaction) -> Script[None]:
        transaction.write("add_users", user_id="nobody", seq=0)
        transaction.append(POST, "never", b"{}")
        yield Query("epochs")
        raise ZeroDivisionError

    return script


async def run(store: OpenStore, *jobs: Job[Any], now: int = NOW) -> list[Any]:
    """In one transaction; what each returned, or the error it raised."""
    CLOCK.now = now
    return list((await store.transact(jobs)).results)


async def do(store: OpenStore, job: Job[Any], *, now: int = NOW) -> Any:
    """Run one job; return its result or raise its error."""
    [result] = await run(store, job, now=now)
    if isinstance(result, Exception):
        raise result
    return result


async def log(store: OpenStore) -> list[Event]:
    """Everything that is kept."""
    floor, head = await store.span()
    found: list[Event] = []
    while floor < head:
        found += (page := await store.tail(after=floor, limit=7)).events
        floor = page.through
    return found


async def inbox(store: OpenStore, user: User, filter: Filter | None = None) -> InboxPage:
    found: InboxPage = await store.query(page(user, filter or Filter(), before=NEWEST, limit=1000))
    return found


def said(event: Event) -> Any:
    """An event's data."""
    return msgspec.json.decode(event.data)


async def overrides_of(store: OpenStore, user: User) -> list[Any]:
    """The rows that are kept of what a user did to items."""

    def script(snapshot: Snapshot) -> Script[list[Any]]:
        item_ids = json_text(list(range(1, snapshot.head + 1)))
        return (yield Query("overrides_of", {"user_id": user, "item_ids": item_ids}))

    found: list[Any] = await store.query(script)
    return found
