"""The verb of presence: is a user connected?"""

from tidings.domain.results import Presence
from tidings.domain.topics import User, own_topic
from tidings.hub.hub import Hub
from tidings.services.call import Call


class PresenceService:
    """The connections that users have open to this process."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def of(self, call: Call, user: User) -> Presence:
        """The presence of one user. Raises `PublishForbidden`."""
        call.grant.may_publish_to([own_topic(user)])
        connections = self._hub.connections(user)
        return Presence(user=user, online=connections > 0, connections=connections)
