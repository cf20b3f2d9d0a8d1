"""Filtered pages are full while there is more, however much stands before it."""

import pytest

from tests.store.adapters import OpenStore
from tests.store.strategies import ALICE, POST, do, inbox, note, posting
from tidings.domain.cursor import Cursor
from tidings.domain.topics import own_topic
from tidings.services.store_gateway import NEWEST
from tidings.store.transactions.follows import follow
from tidings.store.transactions.inbox import SCAN, Filter, InboxPage, page
from tidings.store.transactions.reading import mark_ids, read_up_to

pytestmark = pytest.mark.anyio

LIMIT = 100
NEWER = SCAN + 5 * LIMIT  # more than a page looks at


async def titles(store: OpenStore, filter: Filter) -> tuple[list[str | None], bool]:
    """Of the first page, and whether there is another."""
    found: InboxPage = await store.query(page(ALICE, filter, before=NEWEST, limit=LIMIT))
    return [item.title for item in found.items], found.next is not None


async def marked(store: OpenStore, verb: str, *, count: int) -> None:
    ids = [item.id for item in (await inbox(store, ALICE)).items[:count]]
    await do(store, mark_ids(ALICE, ids, verb=verb))


async def newer(store: OpenStore) -> None:
    for _ in range(0, NEWER, LIMIT):
        await do(store, posting(*[note(own_topic(ALICE), title="newer")] * LIMIT))


async def test_archived_items_are_all_on_the_first_page_whatever_came_since(store: OpenStore) -> None:
    await do(store, posting(*[note(own_topic(ALICE), title="old")] * 30))
    await marked(store, "archive", count=30)
    await newer(store)
    assert await titles(store, Filter(status="archived")) == (["old"] * 30, False)


async def test_archived_items_of_all_topics_or_of_one_are_listed(store: OpenStore) -> None:
    await do(store, follow([(ALICE, POST)]))
    await do(store, posting(note(POST, title="followed"), note(own_topic(ALICE), title="mine")))
    await marked(store, "archive", count=2)
    assert await titles(store, Filter(status="archived")) == (["mine", "followed"], False)
    assert await titles(store, Filter(status="archived", topic=POST)) == (["followed"], False)


async def test_an_item_that_moved_is_archived_no_more(store: OpenStore) -> None:
    await do(store, follow([(ALICE, POST)]))
    await do(store, posting(note(POST, group_key="g")))
    await marked(store, "archive", count=1)
    await do(store, posting(note(POST, title="again", group_key="g")))
    assert await titles(store, Filter(status="archived")) == ([], False)


async def test_unread_items_end_at_the_watermark_however_much_is_before_it(store: OpenStore) -> None:
    await newer(store)
    head = (await store.span())[1]
    await do(store, read_up_to(ALICE, Cursor(store.epoch, head), verb="read"))
    assert await titles(store, Filter(status="unread")) == ([], False)
    await do(store, posting(note(own_topic(ALICE), title="new")))
    assert await titles(store, Filter(status="unread")) == (["new"], False)


async def test_item_that_was_made_unread_again_is_listed_though_the_watermark_passed_it(store: OpenStore) -> None:
    await do(store, posting(*[note(own_topic(ALICE), title=str(number)) for number in range(5)]))
    head = (await store.span())[1]
    await do(store, read_up_to(ALICE, Cursor(store.epoch, head), verb="read"))
    await marked(store, "unread", count=3)
    assert await titles(store, Filter(status="unread")) == (["4", "3", "2"], False)


async def test_items_of_one_topic_are_all_on_the_first_page_whatever_came_in_others(store: OpenStore) -> None:
    await do(store, follow([(ALICE, POST)]))
    await do(store, posting(note(POST, title="followed")))
    await newer(store)
    assert await titles(store, Filter(topic=POST)) == (["followed"], False)
