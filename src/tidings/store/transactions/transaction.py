"""One transaction: it gives out seqs, collects what is written, and writes it in a few statements."""

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from tidings.domain.lineage import Lineage
from tidings.domain.model import NO_TAGS, Event
from tidings.domain.topics import Topic, User

Rows = list[Any]  # named tuples, with the columns that the query declares


class Query(NamedTuple):
    """A query of `<dialect>/queries` by its name, and its parameters. It only reads."""

    name: str
    params: Mapping[str, Any] = {}


class Write(Query):
    """A query that writes and returns rows: what cannot be collected, since its script needs the answer."""


class Mark(NamedTuple):
    """The lengths of a transaction's collections at a point."""

    events: int
    items: int
    rows: int
    answered_writes: int


class Ask(NamedTuple):
    """A query over a list, `:asked`, with `:now` and `:cap`: what several scripts ask is asked in one statement.

    Each element becomes a row of `:asked`, with its fields and its number as `n`; the rows of the answer say the `n`
    that they are for.
    """

    name: str
    elements: tuple[Any, ...]  # named tuples


T = TypeVar("T")
Script = Generator[Query | Ask, Rows, T]
Job = Callable[["Transaction"], Script[T]]
Read = Callable[["Snapshot"], Script[T]]


class Planned(Generic[T]):
    """A job that says in advance what it looks up, or whom it is about.

    Of all planned jobs of a transaction, what is in `lookups` is looked up once, before they run. Those with a `user`
    change what is this user's alone: of different users, they run together, a step of each at a time.
    """

    __slots__ = ("_script", "lookups", "user")

    def __init__(self, script: Job[T], *, lookups: tuple[Ask, ...] = (), user: User | None = None) -> None:
        self._script = script
        self.lookups = lookups
        self.user = user

    def __call__(self, transaction: "Transaction") -> Script[T]:
        return self._script(transaction)


_encode = msgspec.json.Encoder().encode


def noop(_: "Transaction") -> Script[None]:
    """The job of what only has to be answered."""
    yield from ()


def json_text(value: object) -> str:
    """JSON as text, the form in which lists travel into SQL."""
    return _encode(value).decode()


class Snapshot:
    """The log as it is in one transaction: what a script that reads may know without a query."""

    def __init__(self, *, lineage: Lineage, floor: int, head: int, now: int, cap: int) -> None:
        self.lineage = lineage
        self.floor = floor  # the newest event that retention has removed; 0 when none was
        self.head = head  # the newest event
        self.now = now  # milliseconds, by the database's clock
        self.cap = cap  # counters are exact up to here

    def cursor(self, seq: int) -> str:
        """The public form of a position in this log."""
        return str(self.lineage.cursor(seq))


def like(job: Job[Any], script: Job[T], *lookups: Ask) -> Job[T]:
    """A script around a job, planned as the job is, with look-ups of its own."""
    if isinstance(job, Planned):
        return Planned(script, lookups=(*lookups, *job.lookups), user=job.user)
    return script


def asking(snapshot: Snapshot, asks: Iterable[Ask]) -> Query:
    """The query for look-ups of one name."""
    name, elements = "", list[Any]()
    for ask in asks:
        name = ask.name
        elements += ask.elements
    asked = json_text([{"n": number, **element._asdict()} for number, element in enumerate(elements)])
    return Query(name, {"asked": asked, "now": snapshot.now, "cap": snapshot.cap})


class Transaction(Snapshot):
    """The open transaction, as the scripts see it.

    Appends and writes are collected, and `flush` sends them in one statement a kind, however many they are:
    the cost is in the number of statements, not of rows. `run_jobs` flushes before a script reads.
    """

    def __init__(self, *, lineage: Lineage, floor: int, head: int, now: int, cap: int) -> None:
        super().__init__(lineage=lineage, floor=floor, head=head, now=now, cap=cap)
        self.events: list[Event] = []
        self.sizes: dict[int, int] = {}  # bytes of events that each job appended, by its index
        self.job = 0  # the one that runs now
        self.answered_writes = 0  # `Write`s that were run
        self._items: list[Mapping[str, Any]] = []
        self._rows: list[tuple[str, Any, Mapping[str, Any]]] = []
        self._known: dict[Ask, Rows] = {}
        self._flushed = (0, 0, 0)  # how many of events, items and rows are in the database

    def append(
        self,
        topic: Topic,
        type: str,
        data: bytes,
        tags: frozenset[str] = NO_TAGS,
        was: frozenset[str] | None = None,
    ) -> int:
        """Add one event; its seq."""
        self.head += 1
        self.sizes[self.job] = self.sizes.get(self.job, 0) + len(data)
        self.events.append(
            Event(seq=self.head, topic=topic, type=type, data=data, tags=tags, was=None if was == tags else was)
        )
        return self.head

    def add_item(
        self,
        item_id: int,
        *,
        public_id: str | None = None,
        type: str,
        entity: str | None = None,
        group_key: str | None = None,
        expire_at: int | None = None,
        contributors: str = "[]",
    ) -> None:
        """Add the item of an event that was appended with the seq `item_id`. No `public_id`: its own."""
        self._items.append(
            {
                "item_id": item_id,
                "public_id": public_id,
                "type": type,
                "entity": entity,
                "group_key": group_key,
                "expire_at": expire_at,
                "contributors": contributors,
            }
        )

    def write(self, name: str, /, **row: Any) -> None:
        """Write one row by a query, which gets all that are collected for it in one call, as `:rows`."""
        self._rows.append((name, len(self._rows), row))

    def write_last(self, name: str, key: int, /, **row: Any) -> None:
        """The same, where of several rows with one key only the last counts."""
        self._rows.append((name, ("key", key), row))

    def look_up(self, ask: Ask) -> Script[Rows]:
        """The rows of a look-up, from those that are known or else from the database."""
        known = self._known.get(ask)
        return (yield ask) if known is None else known

    def learn(self, ask: Ask, rows: Rows) -> None:
        """The rows that this look-up would find from now on."""
        self._known[ask] = rows

    def mark(self) -> Mark:
        """The point that `undo` may return to."""
        return Mark(len(self.events), len(self._items), len(self._rows), self.answered_writes)

    def undo(self, mark: Mark) -> bool:
        """Forget what was collected since the mark. False: some of it is in the database."""
        written = (*self._flushed, self.answered_writes)
        if any(done > kept for done, kept in zip(written, mark, strict=True)):
            return False
        self.head -= len(self.events) - mark.events
        del self.events[mark.events :]
        del self._items[mark.items :]
        del self._rows[mark.rows :]
        self._known.clear()  # it may be of what was undone
        return True

    def flush(self) -> Generator[Query, Rows, None]:
        """Write what was collected."""
        events, items, rows = self._flushed
        self._flushed = (len(self.events), len(self._items), len(self._rows))
        if fresh := self.events[events:]:
            yield Query("move_head", {"seq": self.head})
            heads, end = [], 0
            for e in fresh:
                size, tags = len(e.data), join_tags(e)
                heads.append(
                    {"seq": e.seq, "topic": e.topic, "type": e.type, "tags": tags, "start": end + 1, "size": size}
                )
                end += size
            said = b"".join([e.data for e in fresh])
            yield Query("add_events", {"rows": json_text(heads), "said": said, "now": self.now})
        if added := self._items[items:]:
            yield Query("add_items", {"rows": json_text(added), "now": self.now})
        collected: dict[str, dict[Any, Mapping[str, Any]]] = {}
        for name, key, row in self._rows[rows:]:
            collected.setdefault(name, {})[key] = row
        for name, named in collected.items():
            yield Query(name, {"rows": json_text([*named.values()])})


def join_tags(event: Event) -> str:
    """The tags of an event as one text: what it is and, on a line of its own, what it was."""
    tags = " ".join(event.tags)
    return tags if event.was is None else f"{tags}\n{' '.join(event.was)}"


def event_of(row: Any) -> Event:
    """The event of a row."""
    now, changed, was = row.tags.partition("\n")
    return Event(
        seq=row.seq,
        topic=row.topic,
        type=row.type,
        data=row.data.encode(),
        tags=split_tags(now),
        was=split_tags(was) if changed else None,
    )


def split_tags(text: str) -> frozenset[str]:
    """The tags of a row."""
    return frozenset(text.split(" ")) if text else NO_TAGS


def one(rows: Iterable[Any]) -> Any | None:
    """The first row, if there is one."""
    return next(iter(rows), None)
