"""A user is erased by steps, in the file too; the log keeps its places, and others keep theirs."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from tests.store.adapters import CLOCK, OpenStore
from tests.store.strategies import ALICE, BOB, do, inbox, log, note, overrides_of, posting
from tidings.domain.topics import Topic, User, own_topic
from tidings.store.sqlite.adapter import SqliteStore
from tidings.store.transactions.follows import follow, set_mutes
from tidings.store.transactions.forgetting import FORGOTTEN_TYPE, contributions, erase, kept_of, tell_forgotten
from tidings.store.transactions.idempotency import IdempotencyKey, idempotent
from tidings.store.transactions.reading import mark_ids
from tidings.store.transactions.stepwise import Step, retract_contribution
from tidings.store.transactions.tickets import give_ticket, use_ticket
from tidings.store.transactions.transaction import noop

PRIVATE = "Alice is in hospital"
TOPIC = Topic("author/4")


async def live_a_life(store: OpenStore, user: User) -> None:
    """Everything that can be kept of a user."""
    own = own_topic(user)
    published = await do(store, posting(note(own, TOPIC, "all", body=PRIVATE), note(own, body=PRIVATE * 500)))
    await do(store, follow([(user, TOPIC)]))
    await do(store, set_mutes(user, ["type:like"]))
    await do(store, mark_ids(user, [published[0].id], verb="archive"))
    await do(store, give_ticket(f"ticket of {user}", "{}", user=user, lifetime=1 << 40))
    key = IdempotencyKey(f"user/{user}", "key", "fingerprint")
    await do(store, idempotent(noop, lambda _: b'{"counters": 1}', status=200, key=key))


async def erase_all(store: OpenStore, user: User, *, step: int) -> Counter[str]:
    erased = Counter[str]()
    while True:
        done = await do(store, erase(user, step=step))
        erased.update(done)
        assert sum(done.values()) <= step
        if sum(done.values()) < step:
            return erased


async def test_user_is_erased_in_steps_and_others_keep_everything(store: OpenStore) -> None:
    for user in (ALICE, BOB):
        await live_a_life(store, user)
    before, kept = await log(store), await store.query(kept_of(BOB))
    erased = await erase_all(store, ALICE, step=2)
    assert erased == {
        "notifications": 2, "events": len([e for e in before if e.topic == own_topic(ALICE)]), "states": 2,
        "follows": 1, "mutes": 1, "tickets": 1, "answers": 1, "exports": 0, "user": 1,
    }  # fmt: skip
    assert await store.query(kept_of(ALICE)) == {kind: [] for kind in kept}
    assert await store.query(kept_of(BOB)) == kept
    assert all(kept.values())
    after = await log(store)
    assert [event.seq for event in after] == [event.seq for event in before]  # law 2
    for old, new in zip(before, after, strict=True):
        if old.topic == own_topic(ALICE):
            assert (new.topic, new.type, new.data, new.tags) == ("", "erased", b"{}", frozenset())
        else:
            assert new == old
    assert await do(store, use_ticket(f"ticket of {ALICE}")) is None
    assert await overrides_of(store, ALICE) == []
    assert sum((await erase_all(store, ALICE, step=100)).values()) == 0


async def test_user_who_comes_back_is_new_and_the_log_goes_on(store: OpenStore, open_store: Any) -> None:
    await live_a_life(store, ALICE)
    await erase_all(store, ALICE, step=100)
    seq = await do(store, tell_forgotten(ALICE))
    again = await open_store()
    [told] = (await again.tail(after=seq - 1, limit=10)).events
    assert (told.type, msgspec.json.decode(told.data)) == (FORGOTTEN_TYPE, {"user": ALICE})
    await do(again, posting(note(body="later")))
    own = [item.body for item in (await inbox(again, ALICE)).items if item.topic == own_topic(ALICE)]
    assert own == ["later"]


async def test_groups_that_name_the_user_are_found_by_text_and_number(store: OpenStore) -> None:
    def like(topic: str, group_key: str, id: object) -> Any:
        return note(topic, group_key=group_key, actor={"id": id, "name": "N"})

    for id in ("7", 7, "77", 77):
        await do(store, posting(like(TOPIC, f"like:{id!r}", id), note(TOPIC, body="no group", actor={"id": id})))
    await do(store, posting(like(TOPIC, "like:'77'", "7")))
    found, after = set[str](), 0
    while True:
        page = await store.query(contributions(User("7"), after=after, step=2))
        found |= page.groups
        if page.through is None:
            break
        assert page.through > after
        after = page.through
    assert found == {"like:'7'", "like:7", "like:'77'"}
    assert await do(store, retract_contribution("like:'77'", "7", step=10)) == Step(number=1, write=None)


async def test_nothing_that_was_erased_is_left_in_the_file(tmp_path: Path) -> None:
    place = tmp_path / "tidings.db"
    store = await SqliteStore.open(place, clock=CLOCK)

    def file() -> bytes:
        return b"".join(path.read_bytes() for path in place.parent.glob(f"{place.name}*"))

    for number in range(50):
        [sent] = await do(store, posting(note(body=f"{PRIVATE} {number}" * (number + 1))))
        await do(store, mark_ids(ALICE, [sent.id], verb="archive"))
    for number in range(50):
        await do(store, posting(note(own_topic(BOB), body=f"for Bob {number}")))
    assert PRIVATE.encode() in file()
    await erase_all(store, ALICE, step=20)
    await store.close()
    assert (b"in hospital" in file(), own_topic(ALICE).encode() in file()) == (False, False)
    assert b"for Bob 49" in file()
