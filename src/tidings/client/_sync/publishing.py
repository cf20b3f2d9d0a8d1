# Generated from ../_async/publishing.py by scripts/generate_sync_client.py: edit that and run this.

"""The methods of the publishing plane."""

from collections.abc import Iterable
from typing import Unpack

from tidings.client import _endpoints
from tidings.client._sync.iteration import Paginator
from tidings.client._sync.requests import Requests
from tidings.client._sync.soon import BackgroundPublisher
from tidings.client.types import (
    Content,
    JsonObject,
    NewContent,
    NewNotification,
    Published,
    Recipients,
    SoonStatus,
    UserId,
)


class Publishing(Requests):
    """Publishes, updates and retracts notifications; manages followers."""

    _background: BackgroundPublisher

    def publish(
        self, *, to: Recipients, idempotency_key: str | None = None, **content: Unpack[NewContent]
    ) -> Published:
        """Publish a notification.

        `to` is `{"user": ..}`, `{"users": [..]}`, `{"topic": ..}` or `{"all": True}`. The content is `type`
        (default `message`), `title`, `body`, `data`, `actor`, `action_url`, `entity`, `group_key`, `priority`,
        `progress` (0 to 1), `expire_time` (a datetime with a zone, or RFC 3339), and at least one of them that is to be
        shown. With an idempotency key it is stored once however often it is sent, and sent again when the connection is
        lost.

        Raises TypeError for a `to` of another shape, ValueError for what cannot be sent, ClientError.
        """
        return self._call(_endpoints.publish(to, idempotency_key, content))

    def publish_batch(
        self, notifications: Iterable[NewNotification], *, idempotency_key: str | None = None
    ) -> list[Published]:
        """Publish many notifications, each a dictionary of `to` and content as `publish` takes them.

        Up to 1 000 rows (notifications times recipients; a topic and `all` count as one) are one transaction: all are
        stored, or none. More are sent in several, one after the other; with an idempotency key each of them has a key
        made from it, so that the same call after a failure stores what is missing and nothing twice.

        Raises TypeError, ValueError, ClientError as `publish` does.
        """
        return self._call_each(_endpoints.publish_batch(notifications, idempotency_key))

    def notify_soon(self, *, to: Recipients, **content: Unpack[NewContent]) -> bool:
        """Publish a notification in the background: for a request that notifying must neither delay nor fail.

        Puts the notification, of which no more than `to` and content is taken as `publish` takes them, into a bounded
        queue (10 000) and returns at once. It is published in a batch, and again while the server is away; what is
        invalid, refused by the server or without room in the queue is dropped, logged (`notification_dropped`) and
        counted. A process that dies takes its queue with it: where that must not happen, use an outbox.

        Returns False for a notification that was dropped at once.
        """
        return self._background.put(to, content)

    @property
    def soon(self) -> SoonStatus:
        """The numbers of `notify_soon`."""
        return self._background.status()

    def update(self, id: str, *, idempotency_key: str | None = None, **content: Unpack[Content]) -> JsonObject:
        """Change the content of a notification, in its place in everyone's inbox. None takes a field away."""
        return self._call(_endpoints.update(id, idempotency_key, content))

    def retract(
        self,
        id: str | None = None,
        *,
        entity: str | None = None,
        group_key: str | None = None,
        actor: UserId | None = None,
    ) -> JsonObject:
        """Withdraw one notification, everything about an entity (`post/9`), or what one actor (an `actor.id`)
        contributed to the groups of a key.
        """
        return self._call(_endpoints.retract(id, entity, group_key, actor))

    def follow(self, topic: str, user: UserId | None = None) -> JsonObject:
        """Make a user follow a topic; without a user, the client's own."""
        return self._call(_endpoints.follow(topic, user))

    def unfollow(self, topic: str, user: UserId | None = None) -> JsonObject:
        """Make a user follow a topic no more; without a user, the client's own."""
        return self._call(_endpoints.unfollow(topic, user))

    def follow_many(self, topic: str, users: Iterable[UserId]) -> JsonObject:
        """Make up to 10 000 users follow a topic, at once."""
        return self._call(_endpoints.follow_many(topic, users))

    def followers(self, topic: str) -> Paginator[str]:
        """List the users that follow a topic."""
        return self._paginate(_endpoints.followers(topic))

    def presence(self, user: UserId) -> JsonObject:
        """Get whether a user is connected now."""
        return self._call(_endpoints.presence(user))

    def revoke(self, *, user: UserId | None = None, jti: str | None = None) -> JsonObject:
        """Refuse what a user was issued up to now, or one token by its `jti`, and end the streams opened with it.

        Where an application's session is the credential (`tidings.App`), that session is asked again when they come
        back: call it after the log-out.
        """
        return self._call(_endpoints.revoke(user, jti))
