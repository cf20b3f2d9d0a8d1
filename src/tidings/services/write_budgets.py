"""Budgets of writes: rows, the writer's time and bytes of events, each counted as it was taken."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tidings.auth.grants import Grant
from tidings.limits.budgets import Budgets
from tidings.services.call import Call
from tidings.services.rate_limits import check_wait

_ROWS = "this caller writes more than its budget; try again a little later"
_WRITER = "the writes of this caller have taken more of the writer's time than its budget; try again a little later"
_DISK = "this caller has filled more of the disk than its budget for a day; try again later"
_ADDRESS = "writes from this address have taken more of the writer's time than its budget; try again a little later"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerBudgets:
    """The budgets of one kind of caller."""

    rows: Budgets
    writer: Budgets  # seconds
    disk: Budgets  # bytes of events


class WriteBudgets:
    """The budgets of users and publishers by name, and of addresses. A caller of this machine is given more."""

    def __init__(
        self,
        *,
        users: CallerBudgets,
        publishers: CallerBudgets,
        addresses: Budgets,
        local_allowance: float,
        jitter: Callable[[], float],
    ) -> None:
        """`local_allowance`: how many times more a caller of this machine may cause. `jitter` gives 0 to 1."""
        self._users = users
        self._publishers = publishers
        self._addresses = addresses
        self._local = 1 / local_allowance
        self._jitter = jitter

    def admit(self, call: Call, rows: int) -> None:
        """Let a caller with budget left go ahead, and count its rows. Raises `RateLimited`."""
        budgets, caller = self._of(call.grant), scope_of(call.grant)
        jitter = self._jitter
        check_wait(budgets.writer.wait(caller), jitter=jitter, detail=_WRITER)
        check_wait(budgets.disk.wait(caller), jitter=jitter, detail=_DISK)
        if call.address:
            check_wait(self._addresses.wait(call.address), jitter=jitter, detail=_ADDRESS)
        check_wait(budgets.rows.spend(caller, rows * self._share(call)), jitter=jitter, detail=_ROWS)

    def charge(self, call: Call, seconds: float, size: int) -> None:
        """Count the cost of a write: seconds of the writer, bytes of events."""
        budgets, caller, share = self._of(call.grant), scope_of(call.grant), self._share(call)
        budgets.writer.take(caller, seconds * share)
        budgets.disk.take(caller, size * share)
        if call.address:
            self._addresses.take(call.address, seconds)

    def refused(self) -> Mapping[str, int]:
        """Requests refused so far, by budget."""
        return {
            "user_writes": self._users.rows.refused,
            "user_writer": self._users.writer.refused,
            "user_disk": self._users.disk.refused,
            "publisher_writes": self._publishers.rows.refused,
            "publisher_writer": self._publishers.writer.refused,
            "publisher_disk": self._publishers.disk.refused,
            "address_writer": self._addresses.refused,
        }

    def _of(self, grant: Grant) -> CallerBudgets:
        return self._publishers if grant.publish else self._users

    def _share(self, call: Call) -> float:
        return self._local if call.address is None else 1.0


def scope_of(grant: Grant) -> str:
    """The name of a caller, by which its requests are told from others'. Both secrets of a key share its name."""
    return f"key/{grant.key}" if grant.key else "publisher" if grant.user is None else f"user/{grant.user}"
