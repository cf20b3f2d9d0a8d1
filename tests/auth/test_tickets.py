"""A ticket is good once, for half a minute, for one origin, and for no longer than the grant it was made from."""

from itertools import count

import pytest

from tidings.auth.grants import Grant
from tidings.auth.tickets import LIFETIME, WAITING, MemoryTickets
from tidings.domain.errors import InvalidToken, NotIdentified
from tidings.domain.topics import User

ALICE, BOB = Grant(user=User("alice"), publish=True), Grant(user=User("bob"))
ANY = {""}


class Office:
    """Tickets, and a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 100.0
        names = count()
        self.tickets = MemoryTickets(new_name=lambda: f"ticket-{next(names)}", clock=lambda: self.now)


async def test_ticket_is_good_once_and_does_not_publish() -> None:
    tickets = Office().tickets
    alice, bob = await tickets.make(ALICE, origin=""), await tickets.make(BOB, origin="")
    assert await tickets.use(bob, origins=ANY) == BOB
    assert await tickets.use(alice, origins=ANY) == Grant(user=User("alice"))
    for used in (alice, bob, "never made", ""):
        with pytest.raises(InvalidToken):
            await tickets.use(used, origins=ANY)


@pytest.mark.parametrize(("later", "good"), [(LIFETIME - 0.1, True), (LIFETIME, False), (LIFETIME + 60, False)])
async def test_ticket_is_good_for_half_a_minute(later: float, good: bool) -> None:
    office = Office()
    ticket = await office.tickets.make(ALICE, origin="")
    office.now += later
    if good:
        assert (await office.tickets.use(ticket, origins=ANY)).user == "alice"
    else:
        with pytest.raises(InvalidToken):
            await office.tickets.use(ticket, origins=ANY)


@pytest.mark.parametrize(("expires", "good"), [(0, True), (111, True), (110, False), (99, False)])
async def test_ticket_is_no_longer_good_than_its_token(expires: int, good: bool) -> None:
    office = Office()
    ticket = await office.tickets.make(Grant(user=User("alice"), expires=expires), origin="")
    office.now += 10
    if good:
        assert (await office.tickets.use(ticket, origins=ANY)).expires == expires
    else:
        with pytest.raises(InvalidToken):
            await office.tickets.use(ticket, origins=ANY)


async def test_ticket_waits_for_the_origin_it_was_made_for() -> None:
    tickets = Office().tickets
    ticket = await tickets.make(ALICE, origin="https://app.example")
    for foreign in ({""}, {"https://evil.example", ""}, set()):
        with pytest.raises(InvalidToken):
            await tickets.use(ticket, origins=foreign)
    assert (await tickets.use(ticket, origins={"https://app.example"})).user == "alice"


async def test_tickets_of_one_user_that_wait_are_few_and_the_oldest_go() -> None:
    tickets = Office().tickets
    of_bob = await tickets.make(BOB, origin="")
    made = [await tickets.make(ALICE, origin="") for _ in range(WAITING + 3)]
    for gone in made[:3]:
        with pytest.raises(InvalidToken):
            await tickets.use(gone, origins=ANY)
    for good in [*made[3:], of_bob]:
        await tickets.use(good, origins=ANY)


async def test_tickets_that_nobody_uses_are_forgotten() -> None:
    office = Office()
    for n in range(1000):
        await office.tickets.make(Grant(user=User(f"user-{n}")), origin="")
    office.now += LIFETIME
    await office.tickets.make(BOB, origin="")
    assert len(office.tickets._waiting) == len(office.tickets._of) == 1


async def test_ticket_is_somebodys() -> None:
    with pytest.raises(NotIdentified):
        await Office().tickets.make(Grant(publish=True), origin="")
