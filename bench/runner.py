"""The parameters and the result of a scenario."""

import contextlib
import http.client
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench.servers import Failed, NotInstalled, Running, Server, running, stamped, tidings, tidings_serve

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table."""

    key: str
    group: str
    title: str
    unit: str
    measured: float
    baseline: float | None = None
    peers: dict[str, float | None] = field(default_factory=dict)  # None: not installed; the first is the main one
    target: str = ""  # as the table says it
    limit: float | None = None  # the target in `unit`
    more_is_better: bool = False

    @property
    def reached(self) -> bool | None:
        if self.limit is None:
            return None
        return self.measured >= self.limit if self.more_is_better else self.measured <= self.limit


@dataclass(frozen=True, slots=True)
class Runner:
    """One run of the bench: how large, against which command, and where its files go."""

    files: Path
    command: Sequence[str]
    quick: bool = False
    say: Callable[[str], None] = print
    keep: Path | None = None  # where a large database is kept for the next run
    scale: float = 1.0  # of that database
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def tidings(self) -> Server:
        return tidings(self.command)

    @property
    def tidings_serve(self) -> Server:
        return tidings_serve(self.command)

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 3

    @contextlib.contextmanager
    def start(self, server: Server) -> Iterator[Running]:
        with running(server, self.files / f"{next(self._numbers)}-{server.name}") as target:
            yield target

    def peer(self, server: Server, measure: Callable[[Running], Result]) -> Result | None:
        """Measure a peer in its turn; None (and a line that says why) where that is not possible here."""
        try:
            with self.start(server) as target:
                return measure(target)
        except NotInstalled:
            self.say(f"  {server.name}: not installed")
        except Failed as why:
            self.say(f"  {server.name}: {why}")
        return None

    def measure(self, server: Server, measure: Callable[[Running], Result]) -> Result:
        """Measure what has to be there: the server under test, or the baseline."""
        with self.start(server) as target:
            return measure(target)

    def alternate(self, servers: Sequence[Server], measure: Callable[[Running], Result]) -> list[list[Result]]:
        """Measure several servers in turns, so that what else the machine does falls on all of them."""
        results: list[list[Result]] = [[] for _ in servers]
        for _ in range(self.rounds):
            for server, mine in zip(servers, results, strict=True):
                mine.append(self.measure(server, measure))
        return results


def middle(results: Sequence[Result], of: Callable[[Result], float]) -> float:
    return statistics.median(of(result) for result in results)


def beside(peers: Mapping[str, Result | None], of: Callable[[Result], float]) -> dict[str, float | None]:
    """One figure of each peer; None stays None."""
    return {name: None if result is None else of(result) for name, result in peers.items()}


KEPT = 2.0  # seconds; servers close a connection that has been idle for some longer


class Publisher:
    """Publishes one at a time over one kept connection, and knows when it was answered."""

    def __init__(self, target: Running) -> None:
        self._server = target.server
        self._connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=30)
        self._used = time.monotonic()
        self._headers = {"Content-Type": "application/json" if self._server.speaks_json else "text/plain"}
        if self._server.secret:
            self._headers["Authorization"] = f"Bearer {self._server.token(None, publish=True)}"

    def send(self, text: str, *, to: object = None) -> tuple[int, int, bytes]:
        """Stamp and publish; the stamp, the time of the answer (both in nanoseconds), and the answer."""
        text = stamped(text)
        stamp = int(text[1 : text.index(";")])
        answer = self.post(self._server.publish, self._server.one(text, to=to))
        return stamp, time.time_ns(), answer

    def post(self, path: str, body: bytes, *, method: str = "POST") -> bytes:
        if time.monotonic() - self._used > KEPT:
            self._connection.close()  # it is opened again by the request
        self._used = time.monotonic()
        try:
            self._connection.request(method, path, body, self._headers)
            answer = self._connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as why:
            raise Failed(f"{self._server.name} did not answer {method} {path}: {why!r}") from why
        if answer.status >= 300:
            raise Failed(f"{self._server.name} answered {method} {path} with {answer.status}: {said[:300]!r}")
        return said

    def pace(self, text: str, *, events: int, rate: float, to: object = None) -> dict[int, int]:
        """Publish at a steady rate; for each stamp, when it was answered."""
        answered = {}
        began = time.monotonic()
        for nth in range(events):
            time.sleep(max(0.0, began + nth / rate - time.monotonic()))
            stamp, when, _ = self.send(text, to=to)
            answered[stamp] = when
        return answered

    def close(self) -> None:
        self._connection.close()
