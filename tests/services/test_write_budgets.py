"""Writes are counted by what they took: a caller that costs much waits, and others do not wait for it."""

from typing import Any

import pytest

from tidings.auth.grants import Grant
from tidings.domain.errors import RateLimited
from tidings.domain.topics import User
from tidings.limits.budgets import Budgets
from tidings.services.call import Call
from tidings.services.write_budgets import CallerBudgets, WriteBudgets


def budgets(**given: Any) -> WriteBudgets:
    def budget(burst: float) -> Budgets:
        return Budgets(rate=0.1, burst=burst, clock=lambda: 0.0)

    def caller() -> CallerBudgets:
        return CallerBudgets(rows=budget(1000), writer=budget(2), disk=budget(10_000))

    defaults: dict[str, Any] = {
        "users": caller(), "publishers": caller(), "addresses": budget(5), "local_allowance": 10.0,
        "jitter": lambda: 0.0,
    }  # fmt: skip
    return WriteBudgets(**(defaults | given))


def call(user: str, *, address: str | None = "192.0.2.1", publish: bool = False) -> Call:
    return Call(Grant(user=User(user), publish=publish), address=address)


def refusal(kept: WriteBudgets, caller: Call) -> str:
    try:
        kept.admit(caller, 1)
    except RateLimited as error:
        return str(error) if error.retry_after else "without Retry-After"
    return ""


@pytest.mark.parametrize(("seconds", "size", "word"), [(3.0, 0, "writer"), (0.0, 20_000, "disk")])
@pytest.mark.parametrize("publish", [False, True])
def test_caller_whose_writes_cost_too_much_waits_and_others_do_not(
    publish: bool, seconds: float, size: int, word: str
) -> None:
    kept = budgets()
    kept.admit(call("mallory", publish=publish), 1)
    kept.charge(call("mallory", publish=publish), seconds, size)
    assert word in refusal(kept, call("mallory", publish=publish))
    assert refusal(kept, call("alice", publish=publish)) == ""
    assert sum(kept.refused().values()) == 1


def test_many_callers_at_one_address_have_one_budget_together() -> None:
    kept = budgets()
    for n in range(4):
        kept.charge(call(f"user-{n}"), 1.5, 0)
    assert "address" in refusal(kept, call("another"))
    assert refusal(kept, call("another", address="192.0.2.2")) == ""


def test_caller_of_this_machine_may_cause_more() -> None:
    kept = budgets()
    kept.charge(call("tester", address=None), 15.0, 90_000)
    assert refusal(kept, call("tester", address=None)) == ""
    kept.charge(call("tester", address=None), 10.0, 0)
    assert "writer" in refusal(kept, call("tester", address=None))
