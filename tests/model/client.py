"""A client of the inbox, as docs/events.md asks for one: it loads once, and then believes its stream.

It is also the shortest complete example of the rules; the times it stamps are not the server's.
"""

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]
PERSONAL = ("status", "read_time", "seen_time")
NOW = "now"  # when something was read: an event does not say


def place(cursor: str) -> int:
    return int(cursor.rpartition("-")[2])


class Client:
    """Holds the whole inbox. `stale` says why it must load again, if it must."""

    def __init__(self) -> None:
        self.items: dict[str, Json] = {}
        self.counters: Json = {}
        self.cursor = ""
        self.mutes: frozenset[str] = frozenset()
        self.sure = True  # False: the counters were at the server's cap, and something was taken from them
        self.stale: str | None = "nothing was loaded"

    def load(self, items: Iterable[Json], counters: Json, *, mutes: Iterable[str]) -> None:
        """`GET /v1/inbox` (all of it) and `GET /v1/preferences`."""
        self.items = {item["id"]: item for item in items}
        self.counters, self.cursor = counters, counters["cursor"]
        self.mutes = frozenset(mutes)
        self.sure, self.stale = True, None

    def hello(self, data: Json) -> None:
        """The stream begins. Numbers from further on than that are not yet ours."""
        if data["cursor"] == data["counters"]["cursor"]:
            self._take(data["counters"])

    def event(self, id: str, type: str, data: Json) -> None:
        """One event. An id that was seen before changes nothing."""
        if place(id) <= place(self.cursor):
            return
        self.cursor = id
        before = self._tally()
        self._apply(id, type, data)
        if "counters" in data:
            self._take(data["counters"])
        else:
            self._count(before, id)

    def listed(self) -> list[Json]:
        """The visible items, newest first."""
        shown = [item for item in self.items.values() if item["status"] != "ARCHIVED"]
        return sorted(shown, key=lambda item: -place(item["cursor"]))

    def _apply(self, id: str, type: str, data: Json) -> None:
        kind, _, what = type.partition(".")
        if type in {"notification.created", "notification.updated"}:
            self._notified(data, moved=data["cursor"] == id)
        elif type == "notification.deleted":
            self.items.pop(data["id"], None)
        elif type == "follow.deleted":
            self._keep(lambda item: item["topic"] != data["topic"])
        elif type == "preferences.updated":
            # Items that come back into view are not in the stream; nor, after a pause, are those that went out of it.
            self.mutes = frozenset(data["mutes"])
            self.stale = "what is muted has changed"
        elif kind == "inbox":
            for item in self._meant(data):
                self._mark(item, what)
            if what == "unarchived" and not self.items.keys() >= set(data["ids"]):
                self.stale = "what was archived is not known here"

    def _notified(self, data: Json, *, moved: bool) -> None:
        held = self.items.get(data["id"])
        if self._muted(data):
            self.items.pop(data["id"], None)
        elif moved:
            self.items[data["id"]] = data
        elif held is not None:
            # The personal fields are all there, or none is; of the others, what is absent is there no more.
            mine = {} if "status" in data else {name: held[name] for name in PERSONAL if name in held}
            self.items[data["id"]] = {**mine, **data}
        elif self.mutes:
            self.stale = "it may have been muted before it changed"

    def _meant(self, data: Json) -> list[Json]:
        if "ids" in data:
            return [self.items[id] for id in data["ids"] if id in self.items]
        return [item for item in self.items.values() if place(item["cursor"]) <= place(data["up_to"])]

    def _mark(self, item: Json, what: str) -> None:
        match what:
            case "read":
                item.setdefault("read_time", NOW)
                item.setdefault("seen_time", NOW)
            case "unread":
                item.pop("read_time", None)
            case "seen":
                item.setdefault("seen_time", NOW)
            case "unseen":
                item.pop("seen_time", None)
            case "archived":
                item.setdefault("seen_time", NOW)
        if what == "archived" or (item["status"] == "ARCHIVED" and what != "unarchived"):
            item["status"] = "ARCHIVED"
        else:
            item["status"] = "READ" if "read_time" in item else "UNREAD"

    def _muted(self, item: Json) -> bool:
        if item.get("priority") == "critical":
            return False
        return not self.mutes.isdisjoint(
            {f"type:{item['type']}", f"topic:{item['topic']}", f"entity:{item.get('entity')}"}
        )

    def _keep(self, wanted: Any) -> None:
        self.items = {id: item for id, item in self.items.items() if wanted(item)}

    # Counting between two absolute counts

    def _tally(self) -> Json:
        shown = self.listed()
        unread = [item["type"] for item in shown if item["status"] == "UNREAD"]
        return {
            "unread": len(unread),
            "unseen": sum("seen_time" not in item for item in shown),
            "by_type": {type: unread.count(type) for type in set(unread)},
        }

    def _take(self, counters: Json) -> None:
        self.counters, self.sure = counters, True

    def _count(self, before: Json, id: str) -> None:
        after = self._tally()
        if after == before:
            return
        if self.counters["more"]:
            self.sure = False
            return
        by_type = dict(self.counters["by_type"])
        for type in before["by_type"].keys() | after["by_type"].keys():
            by_type[type] = by_type.get(type, 0) + after["by_type"].get(type, 0) - before["by_type"].get(type, 0)
        self.counters = {
            "unread": self.counters["unread"] + after["unread"] - before["unread"],
            "unseen": self.counters["unseen"] + after["unseen"] - before["unseen"],
            "by_type": {type: number for type, number in by_type.items() if number},
            "more": False,
            "cursor": id,
        }
