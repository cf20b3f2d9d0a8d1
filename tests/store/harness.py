"""A store, the model of what is in it, a hub over it, and clients: one that stays and one that comes and goes."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest

from tests.model import inbox as model
from tests.model.client import Client, Json, place
from tests.store.adapters import CLOCK, Adapter, quick_folder
from tidings.domain.cursor import Cursor
from tidings.domain.errors import NotFound
from tidings.domain.model import Draft, Event, Feed
from tidings.domain.ports import CursorOf
from tidings.domain.results import Marked, Published
from tidings.domain.topics import Topic, User
from tidings.hub.hub import Hub
from tidings.hub.readers import Reader, ReaderState
from tidings.hub.ring import Ring
from tidings.services.store_gateway import NEWEST
from tidings.store.transactions import counters
from tidings.store.transactions.changes import expire, retract, update
from tidings.store.transactions.counters import count
from tidings.store.transactions.epochs import fork
from tidings.store.transactions.follows import follow, muted, register_users, set_mutes, unfollow
from tidings.store.transactions.inbox import Filter, page
from tidings.store.transactions.publish import publish
from tidings.store.transactions.reading import mark_ids, read_up_to
from tidings.store.transactions.stepwise import go_on, retract_entity
from tidings.store.transactions.transaction import Job, Read, Script, Snapshot

WINDOW = 10_000  # milliseconds; short, so that groups end
USERS = [User("a"), User("aa"), User("late")]
TOPICS = [Topic("author/4"), Topic("author/42")]


class JsonLines:
    """Events as lines of JSON."""

    transport = "lines"
    heartbeat = b""
    shared = True

    def __init__(self, cursor: CursorOf) -> None:
        self.cursor = cursor

    def event(self, event: Event) -> bytes:
        data = msgspec.Raw(event.data)
        return msgspec.json.encode({"id": str(self.cursor(event.seq)), "type": event.type, "data": data}) + b"\n"

    def control(self, type: str, data: bytes, *, id: str | None = None, retry: int | None = None) -> bytes:
        raise AssertionError(f"{type}: nothing is pruned here")


class Screen:
    """A client's end of a stream."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def write(self, data: bytes) -> None:
        for line in data.splitlines():
            event = msgspec.json.decode(line)
            self.client.event(event["id"], event["type"], event["data"])

    def unacked(self) -> None:
        pass

    def close(self, *, expired: bool = False) -> None:
        raise AssertionError

    def abort(self) -> None:
        raise AssertionError


class StoreHarness:
    """Every public method is something that happens; it happens to the store and to the model, and they agree."""

    def __init__(self, adapter: Adapter, *, cap: int, ring: int) -> None:
        self._stack = ExitStack()
        folder = self._stack.enter_context(quick_folder())
        self._runner = self._stack.enter_context(asyncio.Runner())
        self.store = self._run(adapter.open(adapter.place(folder), cap=cap))
        self.cap = cap
        self.model = model.Model(self.store.epoch, window=WINDOW, cap=cap)
        self.hub = Hub(Ring(head=0, slots=ring), on_work=lambda: None)
        self.ids: list[str] = []
        self._log: list[Event] = []  # what was appended and not yet compared
        self._lines = JsonLines(self._cursor)
        self._staying: dict[User, Client] = {}
        self._coming: dict[User, tuple[Client, Reader | None]] = {}

    def close(self) -> None:
        self._run(self.store.close())
        self._stack.close()

    def _run(self, waited: Any) -> Any:
        return self._runner.run(waited)

    # Acts

    def publish(
        self, topics: Sequence[Topic], content: Json, *, group_key: str | None = None, lifetime: int | None = None
    ) -> None:
        expire_at = None if lifetime is None else self.model.now + lifetime
        draft = Draft(topics=tuple(topics), content=content, group_key=group_key, expire_at=expire_at)
        [answer] = self._write(publish([draft], group_window=WINDOW))
        assert isinstance(answer, Published)
        assert answer.id == self.model.publish(topics, content, group_key=group_key, expire_at=expire_at)
        assert answer.cursor == self.model.cursor(self.model.head)
        self.ids.append(answer.id)
        self._happened()

    def together(self, user: User, targets: Sequence[Sequence[Topic]], content: Json, *, group_key: str | None) -> None:
        """Several people's wishes in one transaction: each finds what the ones before it did."""
        drafts = [Draft(topics=tuple(topics), content=content, group_key=group_key) for topics in targets]
        head = self.model.head
        jobs = [
            publish(drafts, group_window=WINDOW),
            read_up_to(user, self._cursor(head), verb="read"),
            publish(drafts, group_window=WINDOW),
            follow([(user, TOPICS[0])]),
        ]
        first, _, second, _ = self._write(*jobs)
        self.model.follow(user, TOPICS[0])  # in the order that `run_jobs` says
        spelled = [self.model.publish(topics, content, group_key=group_key) for topics in targets]
        spelled += [self.model.publish(topics, content, group_key=group_key) for topics in targets]
        self.model.read_up_to(user, head)
        assert [answer.id for answer in (*first, *second)] == spelled
        self.ids += spelled
        self._happened()

    def update(self, which: int, changes: Json) -> None:
        id = self._id(which)
        self._both(lambda: self._write(update(id, changes)), lambda: self.model.update(id, changes))

    def expire_at(self, which: int, lifetime: int | None) -> None:
        id = self._id(which)
        at = None if lifetime is None else self.model.now + lifetime
        self._both(
            lambda: self._write(update(id, {}, expire_at=at)),
            lambda: self.model.update(id, {}, expire_at=at, expires=True),
        )

    def retract(self, which: int) -> None:
        id = self._id(which)
        self._both(lambda: self._write(retract(id)), lambda: self.model.retract(id))

    def retract_entity(self, entity: str) -> None:
        self._both(lambda: self._retract_entity(entity), lambda: self.model.retract_entity(entity))

    def _retract_entity(self, entity: str) -> None:
        step = self._write(retract_entity(entity, step=2))
        while step.write is not None:
            step = self._write(go_on(step.write, step=2))

    def wait(self, milliseconds: int, *, tidy: bool) -> None:
        """Time passes. Maintenance runs, or has yet to."""
        self.model.now += milliseconds
        if tidy:
            while self._write(expire(limit=2)) == 2:
                pass
            self.model.expire()
            self._happened()

    def fork(self) -> None:
        """The log goes on under another epoch; all cursors and ids stay as they are."""
        name = f"fork{len(self.model.epochs)}"
        assert self._write(fork(name)) == self.model.head
        self.model.fork(name)
        self._happened()

    def arrive(self, user: User) -> None:
        """Open a user's inbox, for the first time or again: load it, and stream from there."""
        if user in self._staying:
            return
        self._both(lambda: self._write(register_users([user])), lambda: self.model.arrive(user))
        self._staying[user] = client = Client()
        self._load(user, client)
        self._join(user, client)
        self._coming[user] = (other := Client()), None
        self._load(user, other)

    def follow(self, user: User, topic: Topic) -> None:
        self._both(lambda: self._write(follow([(user, topic)])), lambda: self.model.follow(user, topic))

    def unfollow(self, user: User, topic: Topic) -> None:
        self._both(lambda: self._write(unfollow([(user, topic)])), lambda: self.model.unfollow(user, topic))

    def mute(self, user: User, mutes: frozenset[str]) -> None:
        self._both(lambda: self._write(set_mutes(user, mutes)), lambda: self.model.mute(user, mutes))

    def up_to(self, user: User, back: int, verb: str) -> None:
        """Read or see up to a cursor, which may be old."""
        cursor = self._cursor(max(0, self.model.head - back))
        answer = self._write(read_up_to(user, cursor, verb=verb))
        (self.model.read_up_to if verb == "read" else self.model.seen_up_to)(user, cursor.seq)
        self._marked(user, answer)

    def mark(self, user: User, which: Iterable[int], verb: str) -> None:
        ids = [self._id(one) for one in which]
        answer = self._write(mark_ids(user, ids, verb=verb))
        self.model.mark(user, ids, verb)
        self._marked(user, answer)

    def go(self, user: User) -> None:
        """The client that comes and goes closes its stream, or opens it where it was."""
        if user not in self._coming:
            return
        client, reader = self._coming[user]
        if reader is not None:
            self.hub.leave(reader)
            self._coming[user] = client, None
        else:
            self._coming[user] = client, self._join(user, client)

    # Invariants

    def agree(self, *, sizes: Sequence[int] = (100,), filters: Sequence[Filter] = (Filter(),)) -> None:
        """Lists, states and counters; and those who only listened agree with those who ask."""
        for user, client in self._staying.items():
            for filter in filters:
                got = self._ask(_pages(user, filter, sizes))
                assert got == self.model.inbox(user, status=filter.status, type=filter.type, topic=filter.topic)
            items, counters = self._asked(user)
            assert items == self.model.inbox(user)
            assert len({item["id"] for item in items}) == len(items), "an id is in an inbox once"
            assert model.capped(self.model.counters(user), self.cap) == {
                **counters, "by_type": ... if counters["more"] else counters["by_type"]
            }  # fmt: skip
            assert sum(counters["by_type"].values()) == counters["unread"]
            self._known(user)
            self._counted(user)
            coming, reader = self._coming[user]
            for one in (client, *([coming] if reader is not None else [])):
                if one.stale is not None:
                    self._load(user, one)
                self._agrees(one, items, counters)

    def _counted(self, user: User) -> None:
        """Counting in the topics that the log names since gives what counting in all topics gives."""
        found = []
        for events in (-1, 3, 1000):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(counters, "COUNT_FROM_LOG", events)
                found.append(self._ask(lambda snapshot: count(user, cap=snapshot.cap)))
        assert found == [found[0]] * len(found)

    def _known(self, user: User) -> None:
        """Check that the hub's copy of a feed equals the store's."""
        known = self.hub.memberships.feed(user)
        if known is not None:
            [feed] = self._run(self.store.feeds([user]))
            assert isinstance(feed, Feed)
            assert (known.head, known.mutes, known.counters) == (feed.head, feed.mutes, feed.counters)
            assert sorted(known.follows) == sorted(feed.follows)

    def _agrees(self, client: Client, items: list[Json], counters: Json) -> None:
        listed = client.listed()
        assert [_apart(item) for item in listed] == [_apart(item) for item in items]
        for mine, theirs in zip(listed, items, strict=True):
            for time in ("read_time", "seen_time"):
                assert (time in mine) == (time in theirs), f"{theirs['id']}: {time}"
        if client.sure and not counters["more"]:
            assert {**client.counters, "cursor": 0} == {**counters, "cursor": 0}
        elif client.sure:
            assert client.counters["unread"] >= counters["unread"]

    # How it is done

    def _both(self, store: Callable[[], Any], spelled: Callable[[], Any]) -> None:
        try:
            store()
        except NotFound:
            try:
                spelled()
            except model.Refused:
                return
            raise
        spelled()
        self._happened()

    def _write(self, *jobs: Job[Any]) -> Any:
        """The results of the jobs (of a single job: its result)."""
        done = self._run(self._transact(jobs))
        self.hub.publish(done.events)
        self._log += done.events
        for result in done.results:
            if isinstance(result, Exception):
                raise result
        return done.results if len(jobs) > 1 else done.results[0]

    async def _transact(self, jobs: Sequence[Job[Any]]) -> Any:
        CLOCK.now = self.model.now
        return await self.store.transact(jobs)

    def _happened(self) -> None:
        """The store appended what the model says it must."""
        got = [(e.seq, e.topic, e.type, msgspec.json.decode(e.data)) for e in self._log]
        expected = self.model.events
        self._log, self.model.events = [], []
        assert [event[:3] for event in got] == [event[:3] for event in expected]
        for (*_, data), (*_, wanted) in zip(got, expected, strict=True):
            if "counters" in wanted:
                wanted["counters"] = model.capped(wanted["counters"], self.cap)
                assert sum(data["counters"]["by_type"].values()) == data["counters"]["unread"]
                if wanted["counters"]["more"]:
                    data["counters"]["by_type"] = ...
            assert data == wanted

    def _marked(self, user: User, answer: Marked) -> None:
        counters = model.capped(self.model.counters(user), self.cap)
        assert answer.cursor == counters["cursor"]
        shown = msgspec.to_builtins(answer.counters)
        assert sum(shown["by_type"].values()) == shown["unread"]
        assert {**shown, "by_type": counters["by_type"]} == counters
        self._happened()

    def _cursor(self, seq: int) -> Cursor:
        found: Cursor = self.store.lineage.cursor(seq)
        return found

    def _id(self, which: int) -> str:
        return self.ids[-1 - which % len(self.ids)] if self.ids else f"n-{self.store.epoch}-{which + 1}"

    def _ask(self, script: Read[Any]) -> Any:
        return self._run(self.store.query(script))

    def _asked(self, user: User) -> tuple[list[Json], Json]:
        """The answer of `GET /v1/inbox`: all items, and the counters."""

        def script(snapshot: Snapshot) -> Script[tuple[list[Json], Json]]:
            found = yield from page(user, Filter(), before=NEWEST, limit=1000)(snapshot)
            assert found.next is None
            counters = {**_json(found.counters), "cursor": str(self._cursor(found.head))}
            return _json(found.items), counters

        found: tuple[list[Json], Json] = self._ask(script)
        return found

    def _load(self, user: User, client: Client) -> None:
        items, counters = self._asked(user)
        client.load(items, counters, mutes=self._ask(muted(user)))

    def _join(self, user: User, client: Client) -> Reader:
        """Open a stream at the client's cursor, and catch up."""
        [feed] = self._run(self.store.feeds([user]))
        assert isinstance(feed, Feed)
        counted = _json(feed.counters)
        client.hello({"cursor": client.cursor, "counters": {**counted, "cursor": str(self._cursor(feed.head))}})
        start = place(client.cursor)
        reader = self.hub.join(feed, sink=Screen(client), encoding=self._lines, position=start)
        while self.hub.catch_up_queue:
            waiting = self.hub.catch_up_queue.popleft()
            waiting.in_queue = False
            if not self.hub.serve_from_ring(waiting):
                after, them = waiting.position, waiting.membership
                found = self._run(
                    self.store.read(
                        them.user, follows=them.follows, extra=(), after=after, through=self.hub.head, limit=3
                    )
                )
                self.hub.serve_page(waiting, found, after=after)
        assert reader.state is ReaderState.LIVE
        return reader


def _json(value: Any) -> Any:
    """As it comes out at the other end of a wire."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _apart(item: Json) -> Json:
    """The shared fields of an item, and the user's own ones, without the times."""
    return {key: value for key, value in item.items() if key not in {"read_time", "seen_time", "ring"}}


def _pages(user: User, filter: Filter, sizes: Sequence[int]) -> Read[list[Json]]:
    """All pages, of these sizes in turn."""

    def script(snapshot: Snapshot) -> Script[list[Json]]:
        items: list[Json] = []
        before, turn = NEWEST, 0
        while True:
            size = sizes[turn % len(sizes)]
            found = yield from page(user, filter, before=before, limit=size)(snapshot)
            assert len(found.items) <= size
            items += _json(found.items)
            if found.next is None:
                return items
            assert found.next < before, "a page leads on"
            before, turn = found.next, turn + 1

    return script
