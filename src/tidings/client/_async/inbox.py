"""The methods of the receiving plane, except for streams."""

from collections.abc import Sequence
from typing import Literal

from tidings.client import _endpoints
from tidings.client._async.iteration import AsyncPaginator
from tidings.client._async.requests import AsyncRequests
from tidings.client.types import Counters, Follow, JsonObject, Notification, UserId


class AsyncInbox(AsyncRequests):
    """Reads and marks a user's inbox and preferences. `user` replaces the client's own, where the server trusts it."""

    def inbox(
        self,
        *,
        status: Literal["unread", "read", "archived"] | None = None,
        type: str | None = None,
        topic: str | None = None,
        limit: int | None = None,
        user: UserId | None = None,
    ) -> AsyncPaginator[Notification]:
        """List a user's notifications, newest first. `limit` is the size of a page."""
        return self._paginate(_endpoints.inbox(status, type, topic, limit, user))

    async def counters(self, *, user: UserId | None = None) -> Counters:
        """Count the unread and the unseen notifications."""
        return await self._call(_endpoints.counters(user))

    async def mark_read(
        self, *, up_to: str | None = None, ids: Sequence[str] | None = None, user: UserId | None = None
    ) -> JsonObject:
        """Mark everything up to a cursor, or these, as read."""
        return await self._call(_endpoints.mark("read", user, up_to=up_to, ids=ids))

    async def mark_unread(self, *, ids: Sequence[str], user: UserId | None = None) -> JsonObject:
        """Mark these as unread."""
        return await self._call(_endpoints.mark("unread", user, ids=ids))

    async def mark_seen(
        self, *, up_to: str | None = None, ids: Sequence[str] | None = None, user: UserId | None = None
    ) -> JsonObject:
        """Mark everything up to a cursor, or these, as seen: noticed, without having been read."""
        return await self._call(_endpoints.mark("seen", user, up_to=up_to, ids=ids))

    async def mark_unseen(self, *, ids: Sequence[str], user: UserId | None = None) -> JsonObject:
        """Mark these as unseen."""
        return await self._call(_endpoints.mark("unseen", user, ids=ids))

    async def archive(self, *, ids: Sequence[str], user: UserId | None = None) -> JsonObject:
        """Move these to the archive."""
        return await self._call(_endpoints.mark("archive", user, ids=ids))

    async def unarchive(self, *, ids: Sequence[str], user: UserId | None = None) -> JsonObject:
        """Move these back from the archive."""
        return await self._call(_endpoints.mark("unarchive", user, ids=ids))

    def follows(self, *, user: UserId | None = None) -> AsyncPaginator[Follow]:
        """List the topics that a user follows."""
        return self._paginate(_endpoints.follows(user))

    async def mutes(self, *, user: UserId | None = None) -> list[str]:
        """Get a user's mutes: `type:like`, `topic:author/42`, `entity:post/9`."""
        return await self._call(_endpoints.mutes(user))

    async def set_mutes(self, mutes: Sequence[str], *, user: UserId | None = None) -> list[str]:
        """Replace all mutes. `mute` and `unmute` change one, and lose nothing that another device does meanwhile."""
        return await self._call(_endpoints.set_mutes(mutes, user))

    async def mute(self, mute: str, *, user: UserId | None = None) -> list[str]:
        """Add a mute (`type:like`, `topic:author/42`, `entity:post/9`) and return all of them."""
        return await self._call(_endpoints.change_mute("PUT", mute, user))

    async def unmute(self, mute: str, *, user: UserId | None = None) -> list[str]:
        """Remove a mute, and return those that are left."""
        return await self._call(_endpoints.change_mute("DELETE", mute, user))

    async def ticket(self, *, user: UserId | None = None) -> JsonObject:
        """Make a single-use ticket that opens one stream from its URL, for a browser."""
        return await self._call(_endpoints.ticket(user))
