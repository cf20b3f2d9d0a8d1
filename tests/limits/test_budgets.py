"""Each caller has a budget of its own, and a table of callers does not grow."""

from tidings.limits.budgets import Budgets


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_caller_that_spends_all_leaves_the_others_theirs() -> None:
    clock = Clock()
    budgets = Budgets(rate=1, burst=10, clock=clock)
    budgets.take("mallory", 100)
    assert (budgets.wait("mallory") > 90, budgets.wait("alice"), budgets.refused) == (True, 0.0, 1)
    clock.now = 200.0
    assert budgets.wait("mallory") == 0.0


def test_without_a_rate_nothing_is_counted() -> None:
    budgets = Budgets(rate=0, burst=0, clock=Clock())
    budgets.take("anybody", 1e9)
    assert budgets.wait("anybody") == 0.0


def test_table_does_not_grow_and_forgets_those_that_owe_nothing_first() -> None:
    clock = Clock()
    budgets = Budgets(rate=1, burst=10, clock=clock, callers=100)
    budgets.take("mallory", 1000)
    for n in range(99):
        budgets.take(f"user-{n}", 1)
    clock.now = 20.0
    for n in range(1000):
        clock.now += 2
        budgets.take(f"other-{n}", 1)
        if n < 400:
            assert budgets.wait("mallory") > 0, n
    assert len(budgets._buckets) <= 100
