"""How a transaction runs its jobs: in order, each all or nothing, each reading what the ones before it wrote."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tidings.domain.errors import TidingsError
from tidings.domain.model import Event
from tidings.store.transactions.transaction import Job, Script, Transaction, Write


class Transacted(NamedTuple):
    """What a transaction left: a result or an exception for each job, and the events."""

    results: Sequence[Any]
    events: Sequence[Event]


class WroteThenRaised(Exception):
    """A job raised its error after some of it was written: the transaction is rolled back, and done without the job."""

    def __init__(self, index: int, error: TidingsError) -> None:
        super().__init__(index, error)
        self.index = index
        self.error = error


def run_jobs(
    transaction: Transaction, jobs: Sequence[Job[Any]], *, refused: Mapping[int, TidingsError]
) -> Script[list[Any]]:
    """What each job returned, or the `TidingsError` it raised; those in `refused` (by index) are not run.

    Raises `WroteThenRaised`.
    """
    results: list[Any] = []
    for index, job in enumerate(jobs):
        if index in refused:
            results.append(refused[index])
            continue
        mark = transaction.mark()
        try:
            results.append((yield from _run_job(transaction, job(transaction))))
        except TidingsError as error:
            if not transaction.undo(mark):
                raise WroteThenRaised(index, error) from error
            results.append(error)
    yield from transaction.flush()
    return results


def _run_job(transaction: Transaction, script: Script[Any]) -> Script[Any]:
    """What a script returns. Before it reads, all that was collected is written."""
    try:
        query = next(script)
        while True:
            yield from transaction.flush()
            if isinstance(query, Write):
                transaction.answered_writes += 1
            query = script.send((yield query))
    except StopIteration as end:
        return end.value
