"""The verbs of an inbox: a page of it, its counters, and what is read, seen or archived."""

from collections.abc import Sequence
from typing import Literal

from tidings.domain.cursor import Cursor
from tidings.domain.errors import InvalidCursor, InvalidRequest
from tidings.domain.results import CountersAt, InboxListing, Marked
from tidings.domain.topics import Topic
from tidings.services.call import Call
from tidings.services.commands import Commands
from tidings.services.store_gateway import NEWEST, StoreGateway
from tidings.store.transactions.inbox import Filter
from tidings.store.transactions.reading import mark_ids, read_up_to

Status = Literal["unread", "read", "archived"]
Verb = Literal["read", "unread", "seen", "unseen", "archive", "unarchive"]

STATUSES: tuple[Status, ...] = ("unread", "read", "archived")
VERBS: tuple[Verb, ...] = ("read", "unread", "seen", "unseen", "archive", "unarchive")


class InboxService:
    """The caller's own inbox. Each verb raises `NotIdentified`."""

    def __init__(self, commands: Commands, gateway: StoreGateway) -> None:
        self._commands = commands
        self._gateway = gateway

    async def page(
        self,
        call: Call,
        *,
        status: Status | None = None,
        type: str | None = None,
        topic: Topic | None = None,
        after: Cursor | None = None,
        limit: int = 20,
    ) -> InboxListing:
        """A page of what is placed before `after` (the `next` of another page), newest first; without a status,
        everything but what is archived. Raises `InvalidCursor` for a page of another log."""
        user = call.grant.me()
        gateway = self._gateway
        before = NEWEST if after is None else gateway.store.lineage.position(after)
        if before is None:
            raise InvalidCursor("that page is of another log; start from the first page")
        found = await gateway.inbox(user, Filter(status, type, topic), before=before, limit=limit)
        cursor = str(gateway.cursor(found.head))
        return InboxListing(
            data=found.items,
            next=None if found.next is None else str(gateway.cursor(found.next)),
            mutes=sorted(found.mutes),
            cursor=cursor,
            counters=CountersAt.of(found.counters, cursor),
        )

    async def counters(self, call: Call) -> CountersAt:
        """The caller's counters."""
        return await self._gateway.counters(call.grant.me())

    async def mark(self, call: Call, verb: Verb, ids: Sequence[str]) -> Marked:
        """Mark items one by one; ids that are not in the inbox are passed over. Raises `InvalidRequest`."""
        return await self._commands.run(call, mark_ids(call.grant.me(), ids, verb=verb), _same, Marked)

    async def mark_up_to(self, call: Call, verb: Verb, cursor: Cursor) -> Marked:
        """Mark everything up to a cursor as read or as seen. Raises `InvalidCursor`, `InvalidRequest`."""
        if verb not in {"read", "seen"}:
            raise InvalidRequest(f"{verb} takes ids: only read and seen have a watermark")
        return await self._commands.run(call, read_up_to(call.grant.me(), cursor, verb=verb), _same, Marked)


def _same(done: Marked) -> Marked:
    return done
