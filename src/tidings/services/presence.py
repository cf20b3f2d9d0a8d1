"""The verb of presence: is a user connected?"""

from tidings.domain.ports import Workers
from tidings.domain.results import Presence
from tidings.domain.topics import User, own_topic
from tidings.hub.hub import Hub
from tidings.services.call import Call

QUESTION = "connections"  # of a user, to the other workers
WITHIN = 0.25  # seconds


class PresenceService:
    """The connections that users have open to this machine."""

    def __init__(self, hub: Hub, workers: Workers) -> None:
        self._hub = hub
        self._workers = workers
        workers.on[QUESTION] = self._answer

    async def of(self, call: Call, user: User) -> Presence:
        """The presence of one user. Raises `PublishForbidden`."""
        call.grant.may_publish_to([own_topic(user)])
        others = await self._workers.ask(QUESTION, user, within=WITHIN)
        connections = self._hub.connections(user) + sum(int(answer) for answer in others.values() if answer)
        return Presence(
            user=user, online=connections > 0, connections=connections, complete=None not in others.values()
        )

    def _answer(self, user: str) -> bytes:
        return str(self._hub.connections(User(user))).encode()
