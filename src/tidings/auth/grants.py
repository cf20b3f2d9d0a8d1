"""What a caller may do."""

import msgspec

from tidings.domain.errors import NotIdentified, PublishForbidden, TopicForbidden
from tidings.domain.topics import Topic, User, owner


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """Who is calling, and what the token lets them do."""

    user: User | None = None
    publish: bool = False
    topics: frozenset[Topic] | None = frozenset()  # beside the own feed; None: whatever is nobody's own
    expires: int = 0  # seconds since 1970, when a stream ends; 0 for never
    issued: int = 0  # seconds since 1970; 0: the token does not say, and counts as old
    token_id: str = ""  # the token's `jti`

    def me(self) -> User:
        """Raises `NotIdentified`."""
        if self.user is None:
            raise NotIdentified("whose inbox? (in `tidings dev` say ?user=, else send a token with a subject)")
        return self.user

    def may_publish(self) -> None:
        """Raises `PublishForbidden`."""
        if not self.publish:
            raise PublishForbidden("this token may not publish")

    def may_read(self, topic: Topic) -> Topic:
        """Raises `TopicForbidden`."""
        whose = owner(topic)
        if whose is not None and whose != self.user:
            raise TopicForbidden(f"{topic!r} is somebody else's")
        if self.topics is not None and whose is None and topic != "all" and topic not in self.topics:
            raise TopicForbidden(f"this token does not grant {topic!r}")
        return topic
