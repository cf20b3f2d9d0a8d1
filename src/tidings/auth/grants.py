"""The permissions of a caller."""

from collections.abc import Iterable

import msgspec

from tidings.domain.errors import NotIdentified, PublishForbidden, TopicForbidden
from tidings.domain.topics import Topic, User, owner


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's identity and permissions."""

    user: User | None = None
    publish: bool = False
    publish_to: tuple[str, ...] | None = None  # topics, exact or with a trailing /*; None: every topic
    key: str = ""  # the name of the API key
    topics: frozenset[Topic] | None = frozenset()  # beside the own feed; None: all that are not personal
    expires: int = 0  # seconds since 1970, when a stream ends; 0 for never
    issued: int = 0  # seconds since 1970; 0: the token does not say, and counts as old
    token_id: str = ""  # the token's `jti`

    def me(self) -> User:
        """Raises `NotIdentified`."""
        if self.user is None:
            raise NotIdentified("this needs a user: in `tidings dev` add ?user=, else send a token with a subject")
        return self.user

    def for_ticket(self, *, now: float) -> "Grant":
        """The part of it that a ticket gives: to listen. `now` in seconds since 1970."""
        return msgspec.structs.replace(self, publish=False)

    def may_publish(self) -> None:
        """Raises `PublishForbidden`."""
        if not self.publish:
            raise PublishForbidden("this token may not publish")

    def may_publish_to(self, topics: Iterable[Topic]) -> None:
        """Raises `PublishForbidden`."""
        self.may_publish()
        if self.publish_to is not None and "*" not in self.publish_to:
            for topic in topics:
                if not any(_covers(grant, topic) for grant in self.publish_to):
                    raise PublishForbidden(f"this key does not publish to {topic!r}")

    def may_publish_everywhere(self) -> None:
        """Check the right to act on every topic: to change notifications, to revoke. Raises `PublishForbidden`."""
        self.may_publish()
        if self.publish_to is not None and "*" not in self.publish_to:
            raise PublishForbidden("this key publishes to some topics only; this needs one for every topic")

    def may_read(self, topic: Topic) -> Topic:
        """Raises `TopicForbidden`."""
        whose = owner(topic)
        if whose is not None and whose != self.user:
            raise TopicForbidden(f"{topic!r} is somebody else's")
        if self.topics is not None and whose is None and topic != "all" and topic not in self.topics:
            raise TopicForbidden(f"this token does not grant {topic!r}")
        return topic


def _covers(grant: str, topic: Topic) -> bool:
    """Topics match whole (law 5): `author/*` covers what is below `author`, and neither it nor `author2/x`."""
    return grant == topic or (grant.endswith("/*") and topic.startswith(grant[:-1]))
