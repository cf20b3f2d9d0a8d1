"""A ticket is good once, for half a minute, and for the grant it was given for."""

from itertools import count

import pytest

from tidings.auth.grants import Grant
from tidings.auth.tickets import LIFETIME, MOST, Tickets
from tidings.domain.errors import InvalidToken
from tidings.domain.topics import User

ALICE, BOB = Grant(user=User("alice"), publish=True), Grant(user=User("bob"))


class Office:
    """Tickets, and a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 100.0
        names = count()
        self.tickets = Tickets(make=lambda: f"ticket-{next(names)}", clock=lambda: self.now)


def test_it_is_good_once() -> None:
    tickets = Office().tickets
    alice, bob = tickets.give(ALICE), tickets.give(BOB)
    assert tickets.use(bob) == BOB
    assert tickets.use(alice) == ALICE
    for used in (alice, bob, "never given", ""):
        with pytest.raises(InvalidToken):
            tickets.use(used)


@pytest.mark.parametrize(("later", "good"), [(LIFETIME - 0.1, True), (LIFETIME, False), (LIFETIME + 60, False)])
def test_it_is_good_for_half_a_minute(later: float, good: bool) -> None:
    office = Office()
    ticket = office.tickets.give(ALICE)
    office.now += later
    if good:
        assert office.tickets.use(ticket) == ALICE
    else:
        with pytest.raises(InvalidToken):
            office.tickets.use(ticket)


def test_those_that_nobody_uses_are_forgotten_the_oldest_first() -> None:
    office = Office()
    first, second = office.tickets.give(ALICE), office.tickets.give(ALICE)
    for _ in range(MOST - 1):
        office.tickets.give(BOB)
    with pytest.raises(InvalidToken):
        office.tickets.use(first)
    assert office.tickets.use(second) == ALICE
