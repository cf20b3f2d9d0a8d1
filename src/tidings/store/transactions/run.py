"""The runner of scripts: each is all or nothing, reads earlier writes, and shares statements with the others."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from tidings.domain.errors import TidingsError
from tidings.domain.model import Event
from tidings.domain.topics import User
from tidings.store.transactions.transaction import (
    Ask,
    Job,
    Planned,
    Query,
    Read,
    Rows,
    Script,
    Snapshot,
    Transaction,
    Write,
    asking,
)

T = TypeVar("T")
Run = Generator[Query, Rows, T]  # a script as an adapter runs it: nothing but queries


class Transacted(NamedTuple):
    """The outcome of a transaction: a result or an exception for each job, the events, and the cost."""

    results: Sequence[Any]
    events: Sequence[Event]
    seconds: float = 0.0  # for which the writer was held
    sizes: Mapping[int, int] = {}  # bytes of events, by the index of the job that appended them


def in_a_row(alone: Sequence[Transacted]) -> Transacted:
    """The outcome of jobs that had a transaction each."""
    return Transacted(
        [one.results[0] for one in alone],
        [event for one in alone for event in one.events],
        sum([one.seconds for one in alone]),
        {index: sum(one.sizes.values()) for index, one in enumerate(alone)},
    )


class WroteThenRaised(Exception):
    """A job raised its error after some of it was written: the transaction is rolled back, and done without the job."""

    def __init__(self, index: int, error: TidingsError) -> None:
        super().__init__(index, error)
        self.index = index
        self.error = error


def run_read(snapshot: Snapshot, read: Read[T]) -> Run[T]:
    """Run a script that only reads and return its result."""
    return (yield from _run(snapshot, read(snapshot)))


def run_jobs(
    transaction: Transaction, jobs: Sequence[Job[Any]], *, refused: Mapping[int, TidingsError]
) -> Run[list[Any]]:
    """Run the jobs; return each one's result or the `TidingsError` it raised. Jobs in `refused` (by index) are not run.

    No caller has waited for one of these jobs before sending another, so their order is free: first the jobs that are
    not planned (a new follower gets the notifications published beside the follow), then the planned ones, which look
    up together, those of single users last. Raises `WroteThenRaised`.
    """
    results: dict[int, Any] = dict(refused)
    planned = {index: job for index, job in enumerate(jobs) if isinstance(job, Planned) and index not in refused}
    for index, other in enumerate(jobs):
        if index not in planned and index not in refused:
            results[index] = yield from _attempt(transaction, index, other)
    yield from _look_up(transaction, [ask for job in planned.values() for ask in job.lookups])
    for index, job in planned.items():
        if job.user is None:
            results[index] = yield from _attempt(transaction, index, job)
    for together in _rounds(planned):
        yield from _run_together(transaction, together, results)
    yield from transaction.flush()
    return [results[index] for index in range(len(jobs))]


def _look_up(transaction: Transaction, lookups: Sequence[Ask]) -> Run[None]:
    if lookups:
        yield from transaction.flush()
    for ask, rows in (yield from _answers(transaction, list(dict.fromkeys(lookups)))).items():
        transaction.learn(ask, rows)


def _answers(snapshot: Snapshot, asks: Sequence[Ask]) -> Run[dict[Ask, Rows]]:
    """The rows of each look-up, in one statement a name."""
    answers: dict[Ask, Rows] = {ask: [] for ask in asks}
    for name in dict.fromkeys(ask.name for ask in asks):
        named = [ask for ask in asks if ask.name == name]
        owners = [answers[ask] for ask in named for _ in ask.elements]
        for row in (yield asking(snapshot, named)):
            owners[row.n].append(row)
    return answers


def _attempt(transaction: Transaction, index: int, job: Job[Any]) -> Run[Any]:
    """Run a job; return its result or the error that it raised. Raises `WroteThenRaised`."""
    mark = transaction.mark()
    transaction.job = index
    try:
        return (yield from _run(transaction, job(transaction)))
    except TidingsError as error:
        if not transaction.undo(mark):
            raise WroteThenRaised(index, error) from error
        return error


def _run(snapshot: Snapshot, script: Script[T]) -> Run[T]:
    """Run a script and return its result. Before it reads, all collected writes are flushed."""
    try:
        query = next(script)
        while True:
            if isinstance(snapshot, Transaction):
                yield from snapshot.flush()
                snapshot.answered_writes += isinstance(query, Write)
            query = script.send((yield asking(snapshot, [query]) if isinstance(query, Ask) else query))
    except StopIteration as end:
        result: T = end.value
        return result


def _rounds(planned: Mapping[int, Planned[Any]]) -> Iterator[Mapping[int, Planned[Any]]]:
    """The jobs that may run together: of each user one, in their order."""
    left = {index: job for index, job in planned.items() if job.user is not None}
    while left:
        users: set[User | None] = set()
        together = {}
        for index, job in left.items():
            if job.user not in users:
                users.add(job.user)
                together[index] = job
        left = {index: job for index, job in left.items() if index not in together}
        yield together


def _run_together(transaction: Transaction, jobs: Mapping[int, Job[Any]], results: dict[int, Any]) -> Run[None]:
    """Run jobs a step of each at a time. Queries of one name in a step are one statement. Raises `WroteThenRaised`."""
    steps: dict[int, tuple[Script[Any], Rows | None]] = {index: (job(transaction), None) for index, job in jobs.items()}
    wrote: set[int] = set()
    while steps:
        asked: dict[int, tuple[Script[Any], Query | Ask]] = {}
        for index, (script, rows) in steps.items():
            mark = transaction.mark()
            transaction.job = index
            try:
                query = next(script) if rows is None else script.send(rows)
            except StopIteration as end:
                results[index] = end.value
                continue
            except TidingsError as error:
                if index in wrote or not transaction.undo(mark):
                    raise WroteThenRaised(index, error) from error
                results[index] = error
                continue
            if transaction.mark() != mark:
                wrote.add(index)
            asked[index] = script, query
        if asked:
            yield from transaction.flush()
        answers = yield from _answers(transaction, [query for _, query in asked.values() if isinstance(query, Ask)])
        steps = {}
        for index, (script, query) in asked.items():
            if isinstance(query, Ask):
                steps[index] = script, answers[query]
            else:
                if isinstance(query, Write):
                    transaction.answered_writes += 1
                    wrote.add(index)
                steps[index] = script, (yield query)
