"""The refusal of a caller that is beyond its budget."""

import math
from collections.abc import Callable, Sequence

from tidings.domain.errors import RateLimited
from tidings.domain.model import Event
from tidings.domain.topics import User
from tidings.limits.budgets import Budgets


def check_wait(wait: float, *, jitter: Callable[[], float], detail: str) -> None:
    """Let a caller go ahead that need not wait. `jitter` gives a number from 0 to 1. Raises `RateLimited`."""
    if wait > 0:
        # With jitter, so that what was refused together does not come back together.
        raise RateLimited(detail).after(math.ceil(wait * (1 + jitter())))


class Replays:
    """The budget of each user for reads from the store, in bytes of events; and the places for all of them."""

    def __init__(self, budgets: Budgets, *, jitter: Callable[[], float]) -> None:
        self._budgets = budgets
        self._jitter = jitter

    def check(self, user: User) -> None:
        """Raises `RateLimited`."""
        detail = "this user has read more of the log again than its budget; try again a little later"
        check_wait(self._budgets.wait(user), jitter=self._jitter, detail=detail)

    def charge(self, user: User, events: Sequence[Event]) -> None:
        """Count a page that was read."""
        self._budgets.take(user, sum([len(event.data) for event in events]))
