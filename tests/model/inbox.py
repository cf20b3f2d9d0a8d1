"""The inbox in its simplest form: each user's state of each item, spelled out. The model that a store is compared with.

Written from docs/events.md and the contract. It knows the log's positions (every change is one event), so it
can say what each event must carry. Nothing here is quick, compact or clever.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

ALL = "all"
KEPT_STEPS = 16  # watermarks whose times are known; what was read before them has the time of the oldest

Json = dict[str, Any]


def own(user: str) -> str:
    return f"user/{user}"


def when(milliseconds: int | None) -> str | None:
    """RFC 3339."""
    if milliseconds is None:
        return None
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Item:
    """One notification in one topic."""

    item_id: int
    id: str
    topic: str
    sort_seq: int
    content: Json
    created_at: int
    updated_at: int
    last_rang_at: int
    expire_at: int | None
    group_key: str | None
    count: int = 1
    actors: list[Json] = field(default_factory=list)
    revision: int = 1

    @property
    def type(self) -> str:
        found: str = self.content["type"]
        return found


@dataclass
class Mark:
    """A user's marks on an item at its present sort_seq. A time, or True for "a watermark passed it"."""

    read: int | bool = False
    seen: int | bool = False
    archived: bool = False


@dataclass
class Person:
    first_seen_seq: int | None = None
    read: int = 0
    seen: int = 0
    read_steps: list[tuple[int, int]] = field(default_factory=list)
    seen_steps: list[tuple[int, int]] = field(default_factory=list)
    follows: dict[str, int] = field(default_factory=dict)
    mutes: frozenset[str] = frozenset()
    marks: dict[int, Mark] = field(default_factory=dict)


class Refused(Exception):
    """There is no such thing."""


class Model:
    """Every method that changes something returns nothing, and leaves the events it must have caused in `events`."""

    def __init__(self, epoch: str, *, window: int, cap: int) -> None:
        """`window` in milliseconds."""
        self.epochs = [(epoch, 0)]  # (name, the last seq before it)
        self.window = window
        self.cap = cap
        self.now = 1_767_225_600_000
        self.head = 0
        self.items: list[Item] = []
        self.people: dict[str, Person] = {}
        self.events: list[tuple[int, str, str, Json]] = []  # (seq, topic, type, data)

    def person(self, user: str) -> Person:
        return self.people.setdefault(user, Person())

    def cursor(self, seq: int) -> str:
        return f"{self.epoch_at(seq)}-{seq}"

    def epoch_at(self, seq: int) -> str:
        return next((name for name, forked_at in reversed(self.epochs) if forked_at < seq), self.epochs[0][0])

    def fork(self, name: str) -> None:
        """The log goes on under another name. Nothing is lost and nothing is told."""
        self.epochs.append((name, self.head))

    # Publishing

    def publish(
        self, topics: Sequence[str], content: Json, *, group_key: str | None = None, expire_at: int | None = None
    ) -> str:
        """The id of what was published."""
        merged: list[str] = []
        created: list[str] = []
        for topic in topics:
            item = self._open_group(topic, group_key) if group_key is not None else None
            if item is not None:
                self._merge(item, content, expire_at=expire_at)
                merged.append(item.id)
                continue
            seq = self.head + 1
            created.append(created[0] if created else f"n-{self.epoch_at(seq)}-{seq}")
            actors = [content["actor"]] if content.get("actor") else []
            item = Item(
                item_id=seq, id=created[0], topic=topic, sort_seq=seq, content=dict(content), created_at=self.now,
                updated_at=self.now, last_rang_at=self.now, expire_at=expire_at, group_key=group_key, actors=actors,
            )  # fmt: skip
            self.items.append(item)
            self._append(topic, "notification.created", {**self._fresh(item), "ring": True})
        return [*created, *merged][0]

    def _open_group(self, topic: str, key: str) -> Item | None:
        """The newest item of the group that may still grow."""
        group = [
            item
            for item in self.items
            if (item.topic, item.group_key) == (topic, key)
            and item.created_at > self.now - self.window
            and (item.expire_at is None or item.expire_at > self.now)
        ]
        newest = max(group, key=lambda item: item.sort_seq, default=None)
        for user, person in self.people.items():
            if newest is not None and topic == own(user) and self._status(person, newest) != "UNREAD":
                return None  # read: the next one starts anew
        return newest

    def _merge(self, item: Item, content: Json, *, expire_at: int | None) -> None:
        item.sort_seq = self.head + 1
        item.content = {**item.content, **content}
        item.expire_at = expire_at
        item.count += 1
        if actor := content.get("actor"):
            item.actors = [actor, *(other for other in item.actors if other["id"] != actor["id"])]
        item.updated_at = self.now
        item.revision += 1
        rings = self.now - item.last_rang_at >= 1000
        if rings:
            item.last_rang_at = self.now
        for person in self.people.values():
            person.marks.pop(item.item_id, None)  # it moved: unread and unseen again, for everyone
        self._append(item.topic, "notification.updated", present({**self._fresh(item), "ring": rings}))

    def update(self, id: str, changes: Json, *, expire_at: int | None = None, expires: bool = False) -> None:
        found = [item for item in self.items if item.id == id]
        if not found:
            raise Refused(id)
        for item in found:
            item.content = {**item.content, **changes}
            if expires:
                item.expire_at = expire_at
            item.updated_at = self.now
            item.revision += 1
            data = self._public(item)
            for user, person in self.people.items():
                if item.topic == own(user):
                    data |= self._personal(person, item)
            if item.topic.startswith("user/") and "status" not in data:
                data |= self._personal(Person(), item)
            self._append(item.topic, "notification.updated", data)

    def retract(self, id: str) -> None:
        if not self._remove([item for item in self.items if item.id == id], reason="retracted"):
            raise Refused(id)

    def retract_entity(self, entity: str) -> None:
        self._remove([item for item in self.items if item.content.get("entity") == entity], reason="retracted")

    def expire(self) -> None:
        over = [item for item in self.items if item.expire_at is not None and item.expire_at <= self.now]
        self._remove(sorted(over, key=lambda item: (item.expire_at or 0, item.item_id)), reason="expired")

    def _remove(self, items: Iterable[Item], *, reason: str) -> int:
        removed = list(items)
        for item in removed:
            self.items.remove(item)
            self._append(item.topic, "notification.deleted", {"id": item.id, "reason": reason})
        return len(removed)

    # People

    def arrive(self, user: str) -> None:
        """The first time this user comes here. Announcements of before are nothing new to them."""
        person = self.person(user)
        if person.first_seen_seq is None:
            person.first_seen_seq = self.head
            for item in self.items:
                if item.topic == ALL:
                    person.marks[item.item_id] = Mark(read=True, seen=True)

    def follow(self, user: str, topic: str) -> None:
        person = self.person(user)
        if topic not in person.follows:
            person.follows[topic] = self.head + 1
            self._append(own(user), "follow.created", {"topic": topic})  # what is followed from here has nothing yet

    def unfollow(self, user: str, topic: str) -> None:
        if self.person(user).follows.pop(topic, None) is not None:
            self._append_inbox_event(user, "follow.deleted", {"topic": topic})

    def mute(self, user: str, mutes: frozenset[str]) -> None:
        person = self.person(user)
        if mutes != person.mutes:
            person.mutes = mutes
            self._append_inbox_event(user, "preferences.updated", {"mutes": sorted(mutes)})

    def read_up_to(self, user: str, seq: int) -> None:
        """Everything placed there or before is read, and thereby seen. It only moves forward."""
        self.arrive(user)
        person = self.person(user)
        if seq <= person.read:
            return
        person.read = seq
        person.read_steps = [*person.read_steps, (seq, self.now)][-KEPT_STEPS:]
        for item in self._at_or_before(seq):
            mark = person.marks.setdefault(item.item_id, Mark())
            mark.read = mark.seen = True
        if seq > person.seen:
            person.seen = seq
            person.seen_steps = [*person.seen_steps, (seq, self.now)][-KEPT_STEPS:]
        self._append_inbox_event(user, "inbox.read", {"up_to": self.cursor(seq)})

    def seen_up_to(self, user: str, seq: int) -> None:
        self.arrive(user)
        person = self.person(user)
        if seq <= person.seen:
            return
        person.seen = seq
        person.seen_steps = [*person.seen_steps, (seq, self.now)][-KEPT_STEPS:]
        for item in self._at_or_before(seq):
            person.marks.setdefault(item.item_id, Mark()).seen = True
        self._append_inbox_event(user, "inbox.seen", {"up_to": self.cursor(seq)})

    def _at_or_before(self, seq: int) -> list[Item]:
        return [item for item in self.items if item.sort_seq <= seq]

    def mark(self, user: str, ids: Iterable[str], verb: str) -> None:
        """read, unread, seen, unseen, archive, unarchive: what is not so already."""
        self.arrive(user)
        person = self.person(user)
        wanted = set(ids)
        changed = []
        for item in self.items:
            if item.id not in wanted or not self._in_feed(user, item):
                continue
            mark = person.marks.setdefault(item.item_id, Mark())
            before = (bool(mark.read), bool(mark.seen), mark.archived)
            match verb:
                case "read" if not mark.read:
                    mark.read = self.now
                    mark.seen = mark.seen or self.now
                case "unread":
                    mark.read = False
                case "seen":
                    mark.seen = mark.seen or self.now
                case "unseen":
                    mark.seen = False
                case "archive" if not mark.archived:
                    mark.archived = True
                    mark.seen = mark.seen or self.now
                case "unarchive":
                    mark.archived = False
            if before != (bool(mark.read), bool(mark.seen), mark.archived):
                changed.append(item.id)
        if changed:
            event = {"archive": "inbox.archived", "unarchive": "inbox.unarchived"}.get(verb, f"inbox.{verb}")
            self._append_inbox_event(user, event, {"ids": changed})

    # The user's view

    def _in_feed(self, user: str, item: Item) -> bool:
        since = self.person(user).follows.get(item.topic)
        return item.topic in {own(user), ALL} or (since is not None and item.sort_seq > since)

    def visible(self, user: str) -> list[Item]:
        """Newest first, archived ones too; what is muted is not there."""
        mutes = self.person(user).mutes
        found = [
            item for item in self.items if self._in_feed(user, item) and not muted(item.topic, item.content, mutes)
        ]
        return sorted(found, key=lambda item: -item.sort_seq)

    def inbox(
        self, user: str, *, status: str | None = None, type: str | None = None, topic: str | None = None
    ) -> list[Json]:
        """The items of `GET /v1/inbox`, all pages together."""
        person = self.person(user)
        return [
            {**self._public(item), **self._personal(person, item)}
            for item in self.visible(user)
            if (self._status(person, item) == status.upper() if status else self._status(person, item) != "ARCHIVED")
            and type in {None, item.type}
            and topic in {None, item.topic}
        ]

    def counters(self, user: str, *, at: int | None = None) -> Json:
        """Exact, whatever the cap; `more` says that a store would be over it."""
        person = self.person(user)
        shown = [item for item in self.visible(user) if self._status(person, item) != "ARCHIVED"]
        if person.first_seen_seq is None:
            shown = [item for item in shown if item.topic != ALL]
        unread = [item.type for item in shown if self._status(person, item) == "UNREAD"]
        unseen = [item for item in shown if not self._mark(person, item).seen]
        return {
            "unread": len(unread),
            "unseen": len(unseen),
            "by_type": {type: unread.count(type) for type in set(unread)},
            "more": len(unread) > self.cap or len(unseen) > self.cap,
            "cursor": self.cursor(self.head if at is None else at),
        }

    def _mark(self, person: Person, item: Item) -> Mark:
        return person.marks.get(item.item_id, Mark())

    def _status(self, person: Person, item: Item) -> str:
        mark = self._mark(person, item)
        return "ARCHIVED" if mark.archived else "READ" if mark.read else "UNREAD"

    def _public(self, item: Item) -> Json:
        """The parts that all users share."""
        group = (
            {"key": item.group_key, "count": item.count, "total": len(item.actors), "actors": item.actors[:3]}
            if item.group_key
            else None
        )
        said = {
            **item.content,
            "id": item.id,
            "cursor": self.cursor(item.sort_seq),
            "topic": item.topic,
            "group": group,
            "create_time": when(item.created_at),
            "update_time": when(item.updated_at) if item.revision > 1 else None,
            "expire_time": when(item.expire_at),
            "revision": item.revision,
        }
        return present(said)

    def _fresh(self, item: Item) -> Json:
        return {**self._public(item), "status": "UNREAD"}

    def _personal(self, person: Person, item: Item) -> Json:
        mark = self._mark(person, item)
        said = {
            "status": self._status(person, item),
            "read_time": when(self._time(mark.read, item, person.read_steps)),
            "seen_time": when(self._time(mark.seen, item, person.seen_steps)),
        }
        return present(said)

    def _time(self, mark: int | bool, item: Item, steps: Iterable[tuple[int, int]]) -> int | None:
        if mark is False:
            return None
        if mark is not True:
            return mark
        # The first watermark that passed it; or it was there before its reader came.
        return next((at for seq, at in steps if seq >= item.sort_seq), item.created_at)

    # Events

    def _append(self, topic: str, type: str, data: Json) -> None:
        self.head += 1
        self.events.append((self.head, topic, type, data))

    def _append_inbox_event(self, user: str, type: str, data: Json) -> None:
        self._append(own(user), type, {**data, "counters": self.counters(user, at=self.head + 1)})


def present(said: Json) -> Json:
    """The JSON object of the item: a field without a value, or with its default, is absent."""
    defaults = {"priority": "normal", "revision": 1, "ring": False}
    return {name: value for name, value in said.items() if value is not None and value != defaults.get(name)}


def muted(topic: str, content: Mapping[str, Any], mutes: frozenset[str]) -> bool:
    """True if the user mutes the item; a critical one cannot be muted."""
    if content.get("priority") == "critical":
        return False
    entity = content.get("entity")
    tags = {f"type:{content['type']}", f"topic:{topic}", *([f"entity:{entity}"] if entity else [])}
    return not tags.isdisjoint(mutes)


def capped(exact: Json, cap: int) -> Json:
    """Counters as a store with this cap may give them. `by_type` is free above it, but for its sum."""
    if not exact["more"]:
        return exact
    return {**exact, "unread": min(exact["unread"], cap), "unseen": min(exact["unseen"], cap), "by_type": ...}
