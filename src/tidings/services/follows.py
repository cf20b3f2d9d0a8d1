"""The verbs of following: of one's own topics, and of a topic's followers."""

from collections.abc import Sequence

from tidings.domain.errors import TooLarge
from tidings.domain.results import Added, Follow, FollowerListing, FollowListing
from tidings.domain.topics import Topic, User, followable
from tidings.services.call import Call
from tidings.services.commands import Commands
from tidings.services.store_gateway import StoreGateway
from tidings.settings import Settings
from tidings.store.transactions.follows import follow, followed, followers, unfollow


class FollowService:
    """The verbs on follows. Each raises `InvalidTopic` for a topic that reaches users without a follow."""

    def __init__(self, commands: Commands, gateway: StoreGateway, settings: Settings) -> None:
        self._commands = commands
        self._gateway = gateway
        self._rows = settings.max_batch

    # Of the caller

    async def listing(self, call: Call) -> FollowListing:
        """The topics that the caller follows. Raises `NotIdentified`."""
        user = call.grant.me()
        found = await self._gateway.query(followed(user))
        return FollowListing(
            data=[Follow(topic=topic, since=str(self._gateway.cursor(since))) for topic, since in found],
            next=None,
        )

    async def follow(self, call: Call, topic: Topic) -> None:
        """Follow a topic from now on. Raises `NotIdentified`, `TopicForbidden`."""
        user = call.grant.me()
        job = follow([(user, call.grant.may_read(followable(topic)))])
        await self._commands.run(call, job, _added, Added)

    async def unfollow(self, call: Call, topic: Topic) -> None:
        """Follow a topic no more. Raises `NotIdentified`."""
        job = unfollow([(call.grant.me(), followable(topic))])
        await self._commands.run(call, job, _added, Added)

    # Of a publisher

    async def followers(self, call: Call, topic: Topic, *, after: str = "", limit: int = 1000) -> FollowerListing:
        """A page of the users who follow a topic. Raises `PublishForbidden`."""
        call.grant.may_publish_to([topic])
        followable(topic)
        users = await self._gateway.query(followers(topic, after=after, limit=limit))
        return FollowerListing(data=users, next=users[-1] if len(users) == limit else None)

    async def add(self, call: Call, topic: Topic, users: Sequence[User]) -> Added:
        """Let users follow a topic from now on. Raises `PublishForbidden`, `TooLarge`."""
        call.grant.may_publish_to([topic])
        followable(topic)
        if len(users) > self._rows:
            raise TooLarge(
                f"one request may name {self._rows} followers, this one names {len(users)}: send it in parts"
            )
        job = follow([(user, topic) for user in users])
        return await self._commands.run(call, job, _added, Added, rows=len(users))

    async def remove(self, call: Call, topic: Topic, user: User) -> None:
        """Let a user follow a topic no more. Raises `PublishForbidden`."""
        call.grant.may_publish_to([topic])
        await self._commands.run(call, unfollow([(user, followable(topic))]), _added, Added)


def _added(number: int) -> Added:
    return Added(added=number)
