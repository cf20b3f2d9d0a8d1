"""A budget for each caller of one kind of cost."""

from collections import OrderedDict
from collections.abc import Callable

from tidings.limits.token_bucket import TokenBucket

CALLERS = 10_000  # in one table


class Budgets:
    """The buckets of callers. A caller that is not here has a full one."""

    def __init__(self, *, rate: float, burst: float, clock: Callable[[], float], callers: int = CALLERS) -> None:
        """`rate`: what a caller may cost a second, for ever; 0: without limit. `burst`: at once. `clock` in seconds."""
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._callers = callers
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()  # by their last use
        self.refused = 0

    def wait(self, caller: str) -> float:
        """Seconds after which this caller may go on; 0 for now."""
        bucket = self._buckets.get(caller)
        if bucket is None or not self._rate:
            return 0.0
        wait = bucket.wait(rate=self._rate, burst=self._burst, now=self._clock())
        self.refused += wait > 0
        return wait

    def take(self, caller: str, cost: float) -> None:
        """Count what a caller has cost."""
        if self._rate:
            now = self._clock()
            self._used(caller, now).take(cost, rate=self._rate, burst=self._burst, now=now)

    def spend(self, caller: str, cost: float) -> float:
        """Count what a caller will cost now, and return 0; if it has to wait, count nothing and return its `wait`."""
        if not self._rate:
            return 0.0
        now = self._clock()
        wait = self._used(caller, now).spend(cost, rate=self._rate, burst=self._burst, now=now)
        self.refused += wait > 0
        return wait

    def _used(self, caller: str, now: float) -> TokenBucket:
        """The bucket of a caller, which is the one that was used last from now on."""
        bucket = self._buckets.get(caller)
        if bucket is None:
            if len(self._buckets) >= self._callers:
                self._forget(now)
            bucket = self._buckets[caller] = TokenBucket(burst=self._burst, now=now)
        else:
            self._buckets.move_to_end(caller)
        return bucket

    def _forget(self, now: float) -> None:
        """Evict buckets that are full again; if there are none, the least recently used one."""
        for caller in list(self._buckets)[:100]:
            if self._buckets[caller].full_at(rate=self._rate, burst=self._burst) <= now:
                del self._buckets[caller]
        if len(self._buckets) >= self._callers:
            self._buckets.popitem(last=False)
