"""A user's items and events, case by case: sentences of docs/events.md, and regressions."""

from typing import Any

import pytest

from tests.store.adapters import CLOCK, OpenStore
from tests.store.conftest import Open
from tests.store.strategies import ALICE, BOB, NOW, POST, WINDOW, do, inbox, log, note, overrides_of, posting, said
from tidings.domain.cursor import Cursor
from tidings.domain.errors import InvalidRequest, NotFound
from tidings.domain.groups import CONTRIBUTORS_MAX
from tidings.domain.model import Event
from tidings.domain.notification import Notification, rfc3339
from tidings.domain.topics import ALL, User, own_topic
from tidings.store.transactions.changes import due, expire, retract, update
from tidings.store.transactions.follows import follow, register_users, set_mutes
from tidings.store.transactions.inbox import Filter
from tidings.store.transactions.reading import WATERMARK_STEPS, mark_ids, read_up_to
from tidings.store.transactions.stepwise import Step, retract_entity

SECOND = "2026-01-01T00:00:01.000Z"
THIRD = "2026-01-01T00:00:02.000Z"


async def last(store: OpenStore) -> Event:
    return (await log(store))[-1]


async def only(store: OpenStore, user: User = ALICE) -> Notification:
    [item] = (await inbox(store, user, Filter(archived=True))).items
    return item


async def up_to(store: OpenStore, seq: int, *, verb: str = "read", now: int = NOW) -> Any:
    return await do(store, read_up_to(ALICE, Cursor(store.epoch, seq), verb=verb), now=now)


# Announcements


async def test_announcement_before_the_first_visit_is_not_unread(store: OpenStore) -> None:
    await do(store, posting(note(ALL, title="before"), note(own_topic(ALICE), title="mine")))
    await do(store, register_users([ALICE]))
    await do(store, posting(note(ALL, title="after")))
    page = await inbox(store, ALICE)
    assert [(item.title, item.status) for item in page.items] == [
        ("after", "UNREAD"), ("mine", "UNREAD"), ("before", "READ"),
    ]  # fmt: skip
    assert (page.counters.unread, page.counters.unseen) == (2, 2)


async def test_item_read_by_default_has_a_read_time(store: OpenStore) -> None:
    """A client tells by the times what is read and seen; `null` would look like news."""
    await do(store, posting(note(ALL)))
    await do(store, register_users([ALICE]))
    item = await only(store)
    assert (item.status, item.read_time, item.seen_time) == ("READ", item.create_time, item.create_time)


async def test_an_announcement_does_not_count_for_an_unknown_user(store: OpenStore) -> None:
    await do(store, posting(note(ALL)))
    assert (await inbox(store, ALICE)).counters.unread == 0


async def test_an_announcement_is_one_row_and_one_event_however_many_came(store: OpenStore) -> None:
    for number in range(20):
        await do(store, register_users([User(f"u{number}")]))
    [answer] = await do(store, posting(note(ALL)))
    assert len(await log(store)) == 1
    await do(store, retract(answer.id))
    assert [(event.topic, said(event)) for event in (await log(store))[1:]] == [
        (ALL, {"id": answer.id, "reason": "retracted"})
    ]


# Watermarks


async def test_reading_up_to_is_the_same_in_any_order_and_any_number_of_times(open_store: Open) -> None:
    found = []
    store = await open_store()
    await do(store, posting(*[note() for _ in range(5)]))
    for cursors in ([2, 4], [4, 2], [4, 4, 2, 4]):
        for seq in cursors:
            await up_to(store, seq)
        found.append([item.status for item in (await inbox(store, ALICE)).items])
    assert found == [["UNREAD", "READ", "READ", "READ", "READ"]] * 3


async def test_item_that_arrives_between_render_and_click_stays_unread(store: OpenStore) -> None:
    await do(store, posting())
    seen = (await inbox(store, ALICE)).head
    await do(store, posting())
    answer = await up_to(store, seen)
    assert answer.counters.unread == 1
    assert [item.status for item in (await inbox(store, ALICE)).items] == ["UNREAD", "READ"]


async def test_a_later_watermark_makes_an_exception_void_and_an_earlier_one_does_not(store: OpenStore) -> None:
    first, _ = await do(store, posting(note(), note()))
    await up_to(store, 2)
    await do(store, mark_ids(ALICE, [first.id], verb="unread"))
    await up_to(store, 1)
    assert [item.status for item in (await inbox(store, ALICE)).items] == ["READ", "UNREAD"]
    await up_to(store, (await store.span())[1])
    assert [item.status for item in (await inbox(store, ALICE)).items] == ["READ", "READ"]


async def test_item_read_by_an_old_cursor_is_seen_too(store: OpenStore) -> None:
    [first] = await do(store, posting())
    await do(store, posting())
    await up_to(store, 2, verb="seen")
    await do(store, mark_ids(ALICE, [first.id], verb="unseen"))
    answer = await up_to(store, 1)
    assert answer.counters.unseen == 0


async def test_when_it_was_seen_stays_when_it_is_read(store: OpenStore) -> None:
    [answer] = await do(store, posting())
    await do(store, mark_ids(ALICE, [answer.id], verb="seen"), now=NOW + 1000)
    await do(store, mark_ids(ALICE, [answer.id], verb="read"), now=NOW + 2000)
    item = await only(store)
    assert (item.seen_time, item.read_time) == (SECOND, THIRD)


async def test_the_first_watermark_that_passed_it_says_when(store: OpenStore) -> None:
    await do(store, posting())
    await up_to(store, 1, verb="seen", now=NOW + 1000)
    await do(store, posting())
    await up_to(store, 2, now=NOW + 2000)
    await up_to(store, 3, now=NOW + 3000)
    older = (await inbox(store, ALICE)).items[-1]
    assert (older.seen_time, older.read_time) == (SECOND, THIRD)


async def test_of_very_many_watermarks_the_last_ones_keep_their_times(store: OpenStore) -> None:
    for number in range(1, 41):
        await do(store, posting())
        await up_to(store, (await store.span())[1], now=NOW + 1000 * number)
    times = [item.read_time for item in reversed((await inbox(store, ALICE)).items)]
    known = [rfc3339(NOW + 1000 * number) for number in range(41 - WATERMARK_STEPS, 41)]
    assert times == [known[0]] * (40 - WATERMARK_STEPS) + known


@pytest.mark.parametrize("cursor", [Cursor("elsewhere", 1), 99])
async def test_a_cursor_of_another_log_or_of_the_future_reads_nothing(store: OpenStore, cursor: Any) -> None:
    await do(store, posting())
    wanted = cursor if isinstance(cursor, Cursor) else Cursor(store.epoch, cursor)
    with pytest.raises(InvalidRequest):
        await do(store, read_up_to(ALICE, wanted, verb="read"))
    assert (await only(store)).status == "UNREAD"


async def test_read_items_take_no_rows(store: OpenStore) -> None:
    """A watermark is two numbers: the marks it passes are forgotten."""
    for _ in range(30):
        answers = await do(store, posting(note(), note()))
        await do(store, mark_ids(ALICE, [one.id for one in answers], verb="read"))
        await up_to(store, (await store.span())[1])
    rows = await overrides_of(store, ALICE)
    assert rows == []


# Counters


async def test_counters_are_exact_up_to_the_cap_and_say_more_above_it(open_store: Open) -> None:
    store = await open_store(cap=3)
    found = []
    for _ in range(5):
        await do(store, posting(note(type="like")))
        page = await inbox(store, ALICE)
        found.append((page.counters.unread, page.counters.unseen, page.counters.more))
    assert found == [(1, 1, False), (2, 2, False), (3, 3, False), (3, 3, True), (3, 3, True)]


async def test_by_type_sums_to_unread_above_the_cap_too(open_store: Open) -> None:
    store = await open_store(cap=3)
    for type in ("comment", "like", "like", "like", "notice"):
        await do(store, posting(note(type=type)))
        counters = (await inbox(store, ALICE)).counters
        assert sum(counters.by_type.values()) == counters.unread
        assert 0 not in counters.by_type.values()


async def test_a_count_is_exact_though_the_other_one_reached_the_cap(open_store: Open) -> None:
    store = await open_store(cap=3)
    posted = [(await do(store, posting(note(type="like"))))[0] for _ in range(6)]
    await do(store, read_up_to(ALICE, Cursor.parse(posted[3].cursor), verb="seen"))
    counters = (await inbox(store, ALICE)).counters
    assert (counters.unread, counters.unseen, counters.more) == (3, 2, True)
    await do(store, read_up_to(ALICE, Cursor.parse(posted[5].cursor), verb="read"))
    await do(store, mark_ids(ALICE, [one.id for one in posted[:2]], verb="unread"))
    await do(store, mark_ids(ALICE, [one.id for one in posted], verb="unseen"))
    counters = (await inbox(store, ALICE)).counters
    assert (counters.unread, counters.unseen, counters.more) == (2, 3, True)
    assert counters.by_type == {"like": 2}


# Groups


async def test_a_group_grows_in_place_and_moves_to_the_top(store: OpenStore) -> None:
    for actor in ("a", "b", "b", "c", "d"):
        await do(store, posting(note(group_key="k", actor={"id": actor}), note(title="other")))
    grown = (await inbox(store, ALICE)).items[1]
    assert grown.group is not None
    assert (grown.group.count, grown.group.total) == (5, 4)
    assert [actor["id"] for actor in grown.group.actors] == ["d", "c", "b"]
    assert grown.revision == 5
    created, *updates = [event for event in await log(store) if said(event).get("group")]
    assert [event.type for event in (created, *updates)] == ["notification.created"] + ["notification.updated"] * 4
    assert all(said(event)["cursor"] == f"{store.epoch}-{event.seq}" for event in updates)


async def test_an_actor_is_who_has_the_id_whatever_else_is_said(store: OpenStore) -> None:
    for actor in ({"id": 1, "name": "Eve"}, {"id": 1, "name": "Eve", "avatar_url": "/eve"}, {"name": "Fay"}, {}):
        await do(store, posting(note(group_key="k", actor=actor)))
    group = (await inbox(store, ALICE)).items[0].group
    assert group is not None
    assert (group.count, group.total, group.actors) == (
        4,
        2,
        ({"name": "Fay"}, {"id": 1, "name": "Eve", "avatar_url": "/eve"}),
    )


async def test_of_very_many_actors_the_newest_are_told_apart(store: OpenStore) -> None:
    for number in [*range(CONTRIBUTORS_MAX + 50), *range(CONTRIBUTORS_MAX + 49, 60, -1)]:
        await do(store, posting(note(group_key="k", actor={"id": f"u{number}"})))
    group = (await inbox(store, ALICE)).items[0].group
    assert group is not None
    assert group.total == CONTRIBUTORS_MAX + 50


async def test_a_group_rings_no_more_than_once_a_second(store: OpenStore) -> None:
    rings = []
    for milliseconds in (0, 999, 1000, 1500, 1999, 2000, 5000):
        await do(store, posting(note(group_key="k")), now=NOW + milliseconds)
        rings.append(said(await last(store)).get("ring", False))
    assert rings == [True, False, True, False, False, True, True]


@pytest.mark.parametrize("verb", ["read", "archive"])
async def test_a_group_of_ones_own_starts_anew_once_it_was_read(store: OpenStore, verb: str) -> None:
    [first] = await do(store, posting(note(group_key="k")))
    await do(store, mark_ids(ALICE, [first.id], verb=verb))
    [second] = await do(store, posting(note(group_key="k")))
    assert second.id != first.id
    assert (await last(store)).type == "notification.created"


async def test_a_group_on_a_shared_topic_grows_though_it_was_read_and_is_unread_again(store: OpenStore) -> None:
    await do(store, follow([(ALICE, POST), (BOB, POST)]))
    [first] = await do(store, posting(note(POST, group_key="k")))
    await do(store, mark_ids(ALICE, [first.id], verb="archive"))
    [second] = await do(store, posting(note(POST, group_key="k")))
    assert second.id == first.id
    assert (await only(store)).status == (await only(store, BOB)).status == "UNREAD"


@pytest.mark.parametrize("verb", ["read", "seen"])
async def test_mark_at_an_old_sort_seq_does_not_hold_at_the_new_one(store: OpenStore, verb: str) -> None:
    await do(store, follow([(ALICE, POST)]))
    [answer] = await do(store, posting(note(POST, group_key="k")))
    for before in ("archive", "read"):
        await do(store, mark_ids(ALICE, [answer.id], verb=before))
    await do(store, posting(note(POST, group_key="k")))
    told = await do(store, mark_ids(ALICE, [answer.id], verb=verb))
    item = await only(store)
    assert item.status == {"read": "READ", "seen": "UNREAD"}[verb]
    assert told.counters.unread == {"read": 0, "seen": 1}[verb]


@pytest.mark.parametrize(("later", "grows"), [(WINDOW - 1, True), (WINDOW, False)])
async def test_a_group_ends_with_its_window(store: OpenStore, later: int, grows: bool) -> None:
    [first] = await do(store, posting(note(group_key="k")))
    [second] = await do(store, posting(note(group_key="k")), now=NOW + later)
    assert (second.id == first.id) is grows


async def test_groups_of_other_keys_and_topics_are_apart(store: OpenStore) -> None:
    await do(store, posting(note(group_key="k"), note(group_key="kk"), note(own_topic(BOB), group_key="k"), note()))
    assert {event.type for event in await log(store)} == {"notification.created"}


async def test_an_id_is_in_an_inbox_once_though_a_group_grew_for_others(store: OpenStore) -> None:
    both = (own_topic(ALICE), own_topic(BOB))
    [first] = await do(store, posting(note(*both, group_key="k")))
    await do(store, mark_ids(BOB, [first.id], verb="read"))
    [second] = await do(store, posting(note(*both, group_key="k")))  # grows for Alice, starts anew for Bob
    ids = [item.id for item in (await inbox(store, BOB)).items]
    assert ids == [second.id, first.id]
    assert (await only(store)).id == first.id
    await do(store, retract(second.id))
    assert [item.id for item in (await inbox(store, BOB)).items] == [first.id]
    assert (await only(store)).id == first.id


# Changes


async def test_an_update_keeps_the_place_and_the_reading_and_does_not_ring(store: OpenStore) -> None:
    [answer] = await do(store, posting(note(title="one", progress=0.1)))
    await do(store, posting())
    await do(store, mark_ids(ALICE, [answer.id], verb="read"), now=NOW + 1000)
    await do(store, update(answer.id, {"progress": 1.0}), now=NOW + 2000)
    told = said(await last(store))
    assert (told.get("ring", False), told["progress"], told["title"], told["revision"]) == (False, 1.0, "one", 2)
    assert (told["status"], told["read_time"]) == ("READ", SECOND)
    assert told["cursor"] == f"{store.epoch}-1"
    item = (await inbox(store, ALICE)).items[-1]
    assert (item.progress, item.status, item.update_time) == (1.0, "READ", THIRD)


async def test_an_update_of_a_shared_item_holds_no_reading_state(store: OpenStore) -> None:
    [answer] = await do(store, posting(note(ALL)))
    await do(store, mark_ids(ALICE, [answer.id], verb="read"))
    await do(store, update(answer.id, {"title": "new"}))
    assert {"status", "read_time", "seen_time"}.isdisjoint(said(await last(store)))


async def test_everything_about_an_entity_goes_at_once_and_nothing_else(store: OpenStore) -> None:
    drafts = [note(entity="post/7"), note(ALL, entity="post/7"), note(entity="post/77"), note()]
    await do(store, posting(*drafts))
    assert await do(store, retract_entity("post/7", step=10)) == Step(number=2, write=None)
    assert await do(store, retract_entity("post/7", step=10)) == Step(number=0, write=None)
    assert [item.entity for item in (await inbox(store, ALICE)).items] == [None, "post/77"]


async def test_change_that_leaves_nothing_to_show_is_refused(store: OpenStore) -> None:
    """A blank item of an older database can be changed as ever."""
    [shown] = await do(store, posting(note(type="message", title="x")))
    for blank in (None, " ", "\U000e0020"):
        with pytest.raises(InvalidRequest, match="a title or a body"):
            await do(store, update(shown.id, {"title": blank}))
    await do(store, update(shown.id, {"title": None, "progress": 0.5}))
    [blank_one] = await do(store, posting(note(type="message")))
    await do(store, update(blank_one.id, {"priority": "low"}))
    assert [(item.priority, item.progress) for item in (await inbox(store, ALICE)).items] == [
        ("low", None),
        ("normal", 0.5),
    ]


async def test_item_that_does_not_exist_cannot_be_changed(store: OpenStore) -> None:
    for id in (f"n-{store.epoch}-7", "n-elsewhere-1", f"n-{store.epoch}-0"):
        for job in (update(id, {"title": "x"}), retract(id)):
            with pytest.raises(NotFound):
                await do(store, job)
    for id in ("7", "n-7", "n--7", "n-a-x", "n-a-٣", ""):
        with pytest.raises(InvalidRequest):
            await do(store, retract(id))


async def test_expired_item_is_listed_until_its_event(store: OpenStore) -> None:
    """A listener takes it off its count at that event: a count that left it out before would be off by one."""
    await do(store, posting(note(expire_at=NOW + 1000), note()))
    answer = await do(store, mark_ids(ALICE, [f"n-{store.epoch}-2"], verb="read"), now=NOW + 1000)
    assert (answer.counters.unread, len((await inbox(store, ALICE)).items)) == (1, 2)
    assert await store.query(due)
    assert await do(store, expire(limit=10), now=NOW + 1000) == 1
    assert said(await last(store)) == {"id": f"n-{store.epoch}-1", "reason": "expired"}
    page = await inbox(store, ALICE)
    assert (page.counters.unread, len(page.items)) == (0, 1)


async def test_item_that_expires_later_stays_and_each_step_is_bounded(store: OpenStore) -> None:
    await do(store, posting(*[note(expire_at=NOW + 1000 * number) for number in range(1, 6)], note()))
    CLOCK.now = NOW + 999
    assert not await store.query(due)
    assert [await do(store, expire(limit=2), now=NOW + 3000) for _ in range(3)] == [2, 1, 0]
    assert len((await inbox(store, ALICE)).items) == 3


async def test_a_group_does_not_grow_out_of_what_is_over(store: OpenStore) -> None:
    [first] = await do(store, posting(note(group_key="k", expire_at=NOW + 1000)))
    [second] = await do(store, posting(note(group_key="k")), now=NOW + 1000)
    assert second.id != first.id


# Mutes


async def test_change_is_pushed_if_either_its_old_or_its_new_tags_are_not_muted(store: OpenStore) -> None:
    [answer] = await do(store, posting(note(ALL, type="like", entity="post/7")))
    await do(store, update(answer.id, {"type": "comment"}))
    changed = await last(store)
    mutes = [frozenset({tag}) for tag in ("type:like", "type:comment", "topic:all", "entity:post/7")]
    assert [changed.muted(one) for one in mutes] == [False, False, True, True]
    assert changed.muted(frozenset({"type:like", "type:comment"}))
    for priority in ("critical", "normal"):
        await do(store, update(answer.id, {"priority": priority}))
        changed = await last(store)
        assert not any(changed.muted(one) for one in mutes)
    await do(store, update(answer.id, {"title": "the same to everyone"}))
    changed = await last(store)
    assert [changed.muted(one) for one in mutes] == [False, True, True, True]


async def test_muted_items_are_neither_listed_nor_counted_except_critical_ones(store: OpenStore) -> None:
    await do(store, register_users([ALICE]))
    await do(store, set_mutes(ALICE, ["type:like", "entity:post/7", "topic:all"]))
    await do(
        store,
        posting(
            note(type="like"), note(entity="post/7"), note(ALL), note(title="plain"), note(type="likes"),
            note(entity="post/77"), note(ALL, priority="critical", title="critical"),
        ),
    )  # fmt: skip
    page = await inbox(store, ALICE)
    assert [item.title or item.entity or item.type for item in page.items] == ["critical", "post/77", "likes", "plain"]
    assert page.counters.unread == 4
    await do(store, set_mutes(ALICE, []))
    assert (await inbox(store, ALICE)).counters.unread == 7
