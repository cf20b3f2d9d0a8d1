"""The road of every write that a caller asks for: admission, idempotency, then the batch that is being gathered."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec

from tidings.domain.errors import InvalidRequest, KeyInFlight, Overloaded
from tidings.services.call import Call
from tidings.services.store_gateway import StoreGateway
from tidings.services.write_budgets import WriteBudgets, scope_of
from tidings.store.transactions.idempotency import IdempotencyKey, idempotent
from tidings.store.transactions.transaction import Job

R = TypeVar("R")
T = TypeVar("T")

QUEUE = 50_000  # rows that may wait for the writer: some seconds of its work, and then a caller is told to wait itself
_encode = msgspec.json.Encoder().encode


class Commands:
    """Runs the jobs of callers."""

    def __init__(self, gateway: StoreGateway, *, budgets: WriteBudgets) -> None:
        self._gateway = gateway
        self._budgets = budgets
        self._in_flight: set[tuple[str, str]] = set()
        self._queued = 0  # rows

    async def run(self, call: Call, job: Job[R], result: Callable[[R], T], type: type[T], *, rows: int = 1) -> T:
        """The result of a job, durable on return; of an earlier call with this key, the result that it had.

        `result` makes the value of the given `type` from what the job returned; `rows` is how many it writes, about.
        Raises `Overloaded`, `KeyInFlight`, `KeyReused`, `InvalidRequest` and what the job raises.
        """
        self._budgets.admit(call, rows)
        if self._queued + rows > QUEUE and self._queued:
            raise Overloaded("more waits to be written than can be soon; try again in a moment")
        self._queued += rows
        try:
            if call.key is None:
                return result(await self._gateway.write(job, rows=rows, charge=partial(self._budgets.charge, call)))
            return await self._once(call, call.key, job, result, type, rows=rows)
        finally:
            self._queued -= rows

    async def go_on(self, call: Call, job: Job[R], *, rows: int) -> R:
        """The result of a further job of a call that was admitted: it is charged, and refused no more."""
        return await self._gateway.write(job, rows=rows, charge=partial(self._budgets.charge, call))

    async def _once(
        self, call: Call, name: str, job: Job[R], result: Callable[[R], T], type: type[T], *, rows: int
    ) -> T:
        if not name or len(name) > 255 or not name.isprintable():
            raise InvalidRequest("an Idempotency-Key has 1 to 255 visible characters")
        scope = scope_of(call.grant)
        if (scope, name) in self._in_flight:
            raise KeyInFlight("a request with this Idempotency-Key is being worked on; try again in a moment")
        self._in_flight.add((scope, name))
        try:
            key = IdempotencyKey(scope, name, call.fingerprint)

            def render(done: Any) -> bytes:
                return _encode(result(done))

            once = idempotent(job, render, status=200, key=key)
            stored = await self._gateway.write(once, rows=rows, charge=partial(self._budgets.charge, call))
        finally:
            self._in_flight.discard((scope, name))
        call.replayed = stored.replayed
        return msgspec.json.decode(stored.body, type=type)
