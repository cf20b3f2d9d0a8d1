"""State that all processes on one database share: tickets, leases, revocations, secrets."""

from typing import Any

import pytest

from tests.store.adapters import CLOCK, OpenStore
from tests.store.conftest import Open
from tests.store.strategies import ALICE, BOB, NOW, do, log, note, posting, run, said
from tidings.domain.errors import InvalidTopic, LeaseLost
from tidings.domain.topics import parse_topic
from tidings.store.transactions.leases import Lease, give_up_lease, guarded, take_lease
from tidings.store.transactions.revocations import REVOKED, KnownRevocation, revocations, revoke_token, revoke_user
from tidings.store.transactions.secrets import keep_secret
from tidings.store.transactions.tickets import give_ticket, use_ticket

HOUR = 3600 * 1000
SWEEP, OTHER = Lease("sweep", "one"), Lease("sweep", "two")


async def give(store: OpenStore, ticket: str, *, user: Any = ALICE, now: int = NOW) -> None:
    await do(store, give_ticket(ticket, f'"{ticket}"', user=user, lifetime=1000), now=now)


# Tickets


async def test_a_ticket_is_good_once_on_whichever_process_it_is_used(open_store: Open) -> None:
    one, two = await open_store(), await open_store()
    await give(one, "t")
    assert [await do(store, use_ticket("t")) for store in (two, one, two)] == ['"t"', None, None]


async def test_a_ticket_that_two_use_in_one_transaction_is_good_for_one(store: OpenStore) -> None:
    await give(store, "t")
    assert await run(store, use_ticket("t"), use_ticket("t")) == ['"t"', None]


@pytest.mark.parametrize(("later", "good"), [(999, True), (1000, False), (HOUR, False)])
async def test_a_ticket_ends_with_its_lifetime(store: OpenStore, later: int, good: bool) -> None:
    await give(store, "t")
    assert (await do(store, use_ticket("t"), now=NOW + later) is not None) is good


async def test_the_oldest_tickets_of_a_user_go_and_none_of_others(store: OpenStore) -> None:
    await give(store, "bob", user=BOB)
    await give(store, "nobody", user=None)
    for number in range(20):
        await give(store, str(number), now=NOW + number)
    used = [await do(store, use_ticket(str(number)), now=NOW + 20) is not None for number in range(20)]
    assert used == [False] * 4 + [True] * 16
    assert await run(store, use_ticket("bob"), use_ticket("nobody")) == ['"bob"', '"nobody"']


# Leases


async def test_a_lease_is_held_by_one_process_until_its_time_is_over(open_store: Open) -> None:
    one, two = await open_store(), await open_store()
    assert await do(one, take_lease(SWEEP, duration=1000))
    assert not await do(two, take_lease(OTHER, duration=1000), now=NOW + 999)
    assert await do(one, take_lease(SWEEP, duration=1000), now=NOW + 999)  # renewed
    assert not await do(two, take_lease(OTHER, duration=1000), now=NOW + 1998)
    assert await do(two, take_lease(OTHER, duration=1000), now=NOW + 1999)
    assert not await do(one, take_lease(SWEEP, duration=1000), now=NOW + 1999)


async def test_a_lease_that_is_given_up_is_free_and_another_holders_is_not(store: OpenStore) -> None:
    await do(store, take_lease(SWEEP, duration=1000))
    await do(store, give_up_lease(OTHER))
    assert not await do(store, take_lease(OTHER, duration=1000))
    await do(store, give_up_lease(SWEEP))
    assert await do(store, take_lease(OTHER, duration=1000))


@pytest.mark.parametrize("taken_by", [None, SWEEP, OTHER])
async def test_a_guarded_job_changes_nothing_unless_the_lease_is_held_in_its_transaction(
    store: OpenStore, taken_by: Lease | None
) -> None:
    if taken_by is not None:
        await do(store, take_lease(taken_by, duration=1000))
    [result] = await run(store, guarded(posting(note()), SWEEP))
    assert isinstance(result, LeaseLost) is (taken_by is not SWEEP)
    assert len(await log(store)) == (taken_by is SWEEP)


async def test_a_guarded_job_is_refused_after_the_lease_is_over(store: OpenStore) -> None:
    await do(store, take_lease(SWEEP, duration=1000))
    with pytest.raises(LeaseLost):
        await do(store, guarded(posting(note()), SWEEP), now=NOW + 1000)


# Revocations


async def known(store: OpenStore, *, after: int = 0, now: int = NOW) -> list[KnownRevocation]:
    CLOCK.now = now
    found: list[KnownRevocation] = await store.query(revocations(after=after))
    return found


async def test_a_revocation_is_kept_for_every_process_and_told_in_the_log(open_store: Open) -> None:
    one, two = await open_store(), await open_store()
    await do(one, revoke_user(ALICE, issued_before=1700, keep=HOUR))
    await do(one, revoke_token("j1", keep=HOUR))
    assert await known(two) == [KnownRevocation(1, ALICE, 1700, None), KnownRevocation(2, None, None, "j1")]
    assert await known(two, after=1) == [KnownRevocation(2, None, None, "j1")]
    assert [(event.topic, said(event)) for event in await log(two)] == [
        (REVOKED, {"user": ALICE, "issued_before": 1700}), (REVOKED, {"jti": "j1"}),
    ]  # fmt: skip


async def test_a_later_revocation_of_a_user_never_forgives(store: OpenStore) -> None:
    await do(store, revoke_user(ALICE, issued_before=1700, keep=HOUR))
    await do(store, revoke_user(ALICE, issued_before=1600, keep=1))
    assert await known(store, now=NOW + 2) == [KnownRevocation(2, ALICE, 1700, None)]


async def test_a_revocation_is_forgotten_when_nothing_is_left_to_refuse(store: OpenStore) -> None:
    await do(store, revoke_token("j1", keep=HOUR))
    assert await known(store, now=NOW + HOUR) == []
    await do(store, revoke_token("j2", keep=HOUR), now=NOW + HOUR)
    assert [one.jti for one in await known(store)] == ["j2"]


def test_topic_of_revocations_has_no_valid_name() -> None:
    with pytest.raises(InvalidTopic):
        parse_topic(REVOKED)


# Secrets


async def test_a_secret_is_made_once_however_many_processes_make_it(open_store: Open) -> None:
    one, two = await open_store(), await open_store()
    assert await do(one, keep_secret("cookies", "a")) == "a"
    assert await do(two, keep_secret("cookies", "b")) == "a"
    assert await do(two, keep_secret("links", "c")) == "c"
