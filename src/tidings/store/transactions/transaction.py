"""One transaction: it gives out seqs, collects what is appended, and writes it in a few statements."""

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from tidings.domain.cursor import Cursor
from tidings.domain.model import NO_TAGS, Event
from tidings.domain.topics import Topic

Rows = list[tuple[Any, ...]]


class Query(NamedTuple):
    """A named query of `sql/<dialect>` and its parameters."""

    name: str
    params: Mapping[str, Any] = {}


T = TypeVar("T")
Script = Generator[Query, Rows, T]
Job = Callable[["Transaction"], Script[T]]

_encode = msgspec.json.Encoder().encode


def noop(_: "Transaction") -> Script[None]:
    """The job of what only has to be answered."""
    yield from ()


def json_text(value: object) -> str:
    """JSON as text, the form in which lists travel into SQL."""
    return _encode(value).decode()


class Transaction:
    """The open transaction, as the scripts see it.

    Appends are collected and written by `flush` in one statement a table, however many they are: what
    costs is the number of statements, not of rows. A script that reads what others in the same
    transaction may have written flushes first.
    """

    def __init__(self, *, epoch: str, seq: int, now: int, cap: int) -> None:
        self.epoch = epoch
        self.now = now
        self.cap = cap  # counters are exact up to here
        self.events: list[Event] = []
        self._seq = seq
        self._written = 0  # how many of `events` are in the database
        self._items: list[tuple[Any, ...]] = []
        self._items_written = 0

    @property
    def head(self) -> int:
        """The newest seq given out."""
        return self._seq

    def cursor(self, seq: int) -> str:
        """The public form of a position in this log."""
        return str(Cursor(self.epoch, seq))

    def append(
        self,
        topic: Topic,
        type: str,
        data: bytes,
        tags: frozenset[str] = NO_TAGS,
        was: frozenset[str] | None = None,
    ) -> int:
        """Add one event; its seq."""
        self._seq += 1
        self.events.append(
            Event(seq=self._seq, topic=topic, type=type, data=data, tags=tags, was=None if was == tags else was)
        )
        return self._seq

    def add_item(self, *row: Any) -> None:
        """Add a row of `notifications` for an event that was appended, in the order of the query `add_items`."""
        self._items.append(row)

    def mark(self) -> tuple[int, int]:
        """Where `undo` may return to."""
        return len(self.events), len(self._items)

    def undo(self, mark: tuple[int, int]) -> None:
        """Forget what was collected since the mark. Raises `RuntimeError` if some of it was written (rule 2)."""
        events, items = mark
        if self._written > events or self._items_written > items:
            raise RuntimeError("a script raised its error after it had written")
        self._seq -= len(self.events) - events
        del self.events[events:]
        del self._items[items:]

    def flush(self) -> Script[None]:
        """Write what was collected."""
        fresh = self.events[self._written :]
        if fresh:
            yield Query("move_head", {"seq": self._seq})
            rows, end = [], 0
            for e in fresh:
                size = len(e.data)
                rows.append((e.seq, e.topic, e.type, join_tags(e), end + 1, size))
                end += size
            said = b"".join([e.data for e in fresh])
            yield Query("add_events", {"rows": json_text(rows), "said": said, "now": self.now})
            self._written = len(self.events)
        if items := self._items[self._items_written :]:
            yield Query("add_items", {"rows": json_text(items), "now": self.now})
            self._items_written = len(self._items)


def join_tags(event: Event) -> str:
    """The tags of an event as one text: what it is and, on a line of its own, what it was."""
    tags = " ".join(event.tags)
    return tags if event.was is None else f"{tags}\n{' '.join(event.was)}"


def event_of(seq: int, topic: Topic, type: str, tags: str, data: str) -> Event:
    """The event of a row."""
    now, changed, was = tags.partition("\n")
    return Event(
        seq=seq,
        topic=topic,
        type=type,
        data=data.encode(),
        tags=split_tags(now),
        was=split_tags(was) if changed else None,
    )


def split_tags(text: str) -> frozenset[str]:
    """The tags of a row."""
    return frozenset(text.split(" ")) if text else NO_TAGS


def one(rows: Iterable[tuple[Any, ...]]) -> tuple[Any, ...] | None:
    """The first row, if there is one."""
    return next(iter(rows), None)
