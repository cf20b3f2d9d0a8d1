"""For each law of the design a few ways to break it, each with the tests that must fail then.

A sabotage replaces a function of the running code. It names what it replaces in full, so that a change of that code
is seen here: `apply` raises if the name is gone.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Sabotage:
    """One way to break a law."""

    law: int
    target: str  # module:name or module:class.name
    replacement: Callable[[Any], Any]  # from what is there to what takes its place
    tests: Sequence[str]  # node ids; under the sabotage each of them fails

    def apply(self) -> None:
        """Replace the target in this process. Raises `AttributeError` if it is not there."""
        module, _, path = self.target.partition(":")
        *outer, name = path.split(".")
        holder: Any = import_module(module)
        for part in outer:
            holder = getattr(holder, part)
        setattr(holder, name, self.replacement(getattr(holder, name)))


# 1. Durable before visible


def _no_commit(commit: Any) -> Any:
    """Everything is answered as if it were stored."""
    return lambda connection: connection.execute("ROLLBACK")


def _no_sync(connect: Any) -> Any:
    def without(path: Any) -> Any:
        connection = connect(path)
        connection.pragma("synchronous", "off")
        return connection

    return without


# 2. Total order


def _sequence(undo: Any) -> Any:
    """Number events as a database's own sequence does: a number that was given out is never given out again."""

    def without(self: Any, mark: Any) -> None:
        given = self._seq
        undo(self, mark)
        self._seq = given

    return without


# 3. Never a silent hole


def _forgets_its_place(stalled: Any) -> Any:
    """A full reader stays LIVE in name: what comes meanwhile is dropped, and it is not served from the log."""

    def without(self: Any, reader: Any) -> None:
        stalled(self, reader)
        if not reader.writable and reader.position == self.head:
            reader.position = self.head + 1

    return without


def _from_the_head(start: Any) -> Any:
    """A cursor that cannot be served is taken for none."""

    def without(feed: Any, epoch: str, wanted: Any, *, skip: bool = False) -> Any:
        found = start(feed, epoch, wanted, skip=skip)
        return start(feed, epoch, None) if found.reset else found

    return without


# 4. Bounded memory


def _queue_per_reader(stalled: Any) -> Any:
    """A full sink is written to all the same, and its buffer grows."""
    return lambda self, reader: None


# 5. Only mine


def _topics_by_suffix(of: Any) -> Any:
    """An event of user/aa@x.io reaches a@x.io, too."""

    def without(self: Any, topic: str) -> tuple[Any, ...]:
        others = [other for other in list(self._readers) if topic.endswith(other.rpartition("/")[2])]
        return tuple(dict.fromkeys(reader for other in others for reader in of(self, other)))

    return without


def _grants_by_prefix(may_read: Any) -> Any:
    return lambda self, topic: topic if any(map(topic.startswith, self.topics or ())) else may_read(self, topic)


# 6. Encode once


def _encode_each(frame: Any) -> Any:
    return lambda self, encoding: encoding.event(self.event)


# 7. The bus may lose, repeat or reorder anything


def _nothing_is_missing(missing: Any) -> Any:
    """Read no lost frame of the bus from the store."""

    async def without(self: Any) -> Sequence[Any]:
        return ()

    return without


def _one_failure_is_the_end(read: Any) -> Any:
    async def without(self: Any, read: Any, **how: Any) -> Any:
        return await read()

    return without


# 8. An idle connection costs no task and no timer


def _task_per_connection(start: Any) -> Any:
    def without(self: Any, *args: Any) -> None:
        start(self, *args)
        self.hub.__dict__.setdefault("tasks", []).append(asyncio.ensure_future(asyncio.sleep(3600)))

    return without


def _timer_per_connection(start: Any) -> Any:
    def without(self: Any, *args: Any) -> None:
        start(self, *args)
        asyncio.get_running_loop().call_later(3600, len, ())

    return without


# 9. A publisher never waits for a reader


def _fan_out_first(transact: Any) -> Any:
    async def without(self: Any, waiting: Any) -> Any:
        results = await transact(self, waiting)
        await self.relay.reached(self._committed)
        return results

    return without


# 10. One caller cannot stop the others


def _one_budget_for_all(wait: Any) -> Any:
    """A caller that has spent its budget makes every other wait."""
    return lambda self, caller: max((wait(self, other) for other in list(self._buckets)), default=0.0)


def _no_budget(wait: Any) -> Any:
    return lambda self, caller: 0.0


def _table_that_grows(forget: Any) -> Any:
    return lambda self, now: None


# 11. Cost follows my events, not everybody's


def _look_at_all(of_topics: Any) -> Any:
    def without(self: Any, topics: Any, *, after: int) -> Iterator[Any]:
        everything = map(self._entry, range(after + 1, self.head + 1))
        return (entry for entry in everything if entry.event.topic in topics)

    return without


BUDGETS = "tests/limits/test_budgets.py::test_one_caller_that_spends_all_leaves_the_others_theirs"
HUB = "tests/hub/test_hub.py::"
RELAY = "tests/background/test_relay.py::"
HISTORIES = "tests/hub/test_properties.py::test_random_histories[0]"
IDLE = "tests/laws/test_idle_connections.py::test_idle_connections_cost_no_task_and_no_timer[stream]"

SABOTAGES = {
    "an answer without a commit": Sabotage(
        law=1,
        target="tidings.store.sqlite.adapter:commit",
        replacement=_no_commit,
        tests=[
            "tests/store/test_sqlite.py::test_answered_write_survives_the_process",
            "tests/store/test_contract.py::test_answered_write_comes_before_later_ones[sqlite]",
        ],
    ),
    "a commit without a sync": Sabotage(
        law=1,
        target="tidings.store.sqlite.adapter:connect",
        replacement=_no_sync,
        tests=["tests/store/test_sqlite.py::test_every_commit_is_synced_and_the_journal_is_a_wal"],
    ),
    "a seq by a sequence": Sabotage(
        law=2,
        target="tidings.store.transactions.transaction:Transaction.undo",
        replacement=_sequence,
        tests=["tests/store/test_contract.py::test_seqs_have_no_holes_and_are_the_order_of_the_commits[sqlite]"],
    ),
    "a stalled reader forgets its place": Sabotage(
        law=3,
        target="tidings.hub.hub:Hub.stalled",
        replacement=_forgets_its_place,
        tests=[HISTORIES],
    ),
    "a pruned cursor starts from now": Sabotage(
        law=3,
        target="tidings.services.streams:start_position",
        replacement=_from_the_head,
        tests=["tests/services/test_store_gateway.py::test_where_a_stream_starts"],
    ),
    "a queue per reader": Sabotage(
        law=4, target="tidings.hub.hub:Hub.stalled", replacement=_queue_per_reader, tests=[HISTORIES]
    ),
    "a foreign topic": Sabotage(
        law=5,
        target="tidings.hub.index:Index.of",
        replacement=_topics_by_suffix,
        tests=[HUB + "test_stream_of_a_user_excludes_users_with_the_same_suffix", HISTORIES],
    ),
    "a grant by prefix": Sabotage(
        law=5,
        target="tidings.auth.grants:Grant.may_read",
        replacement=_grants_by_prefix,
        tests=["tests/auth/test_grants.py::test_whose_topics_one_may_read"],
    ),
    "encode for each reader": Sabotage(
        law=6,
        target="tidings.hub.ring:Entry.frame",
        replacement=_encode_each,
        tests=["tests/hub/test_ring.py::test_entry_is_encoded_once_per_format"],
    ),
    "a lost frame that nobody reads again": Sabotage(
        law=7,
        target="tidings.background.relay:Relay._missing",
        replacement=_nothing_is_missing,
        tests=[RELAY + "test_hole_that_the_bus_does_not_fill_is_read_from_the_store_whatever_else_comes"],
    ),
    "an outage of the store ends the relay": Sabotage(
        law=7,
        target="tidings.background.store_retry:StoreRetry.read",
        replacement=_one_failure_is_the_end,
        tests=[RELAY + "test_store_that_is_away_for_a_while_ends_nothing"],
    ),
    "a task per connection": Sabotage(
        law=8, target="tidings.transports.stream:SocketSink.start", replacement=_task_per_connection, tests=[IDLE]
    ),
    "a timer per connection": Sabotage(
        law=8, target="tidings.transports.stream:SocketSink.start", replacement=_timer_per_connection, tests=[IDLE]
    ),
    "a publisher waits for the fan-out": Sabotage(
        law=9,
        target="tidings.services.store_gateway:StoreGateway._transact",
        replacement=_fan_out_first,
        tests=[
            "tests/api/test_answer_order.py::"
            "test_publishers_are_answered_before_the_first_of_five_thousand_readers_is_written_to"
        ],
    ),
    "one budget for all callers": Sabotage(
        law=10, target="tidings.limits.budgets:Budgets.wait", replacement=_one_budget_for_all, tests=[BUDGETS]
    ),
    "no budget": Sabotage(
        law=10, target="tidings.limits.budgets:Budgets.wait", replacement=_no_budget, tests=[BUDGETS]
    ),
    "a table of callers that grows": Sabotage(
        law=10,
        target="tidings.limits.budgets:Budgets._forget",
        replacement=_table_that_grows,
        tests=["tests/limits/test_budgets.py::test_table_does_not_grow_and_forgets_those_that_owe_nothing_first"],
    ),
    "catching up looks at everybody's events": Sabotage(
        law=11,
        target="tidings.hub.ring:Ring.of_topics",
        replacement=_look_at_all,
        tests=["tests/hub/test_ring.py::test_catching_up_from_the_ring_looks_at_the_events_of_its_topics_only"],
    ),
}
