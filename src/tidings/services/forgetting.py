"""The verb of forgetting: what is kept of a user is erased, in small steps, and every process drops its copies."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec

from tidings.domain.model import Event
from tidings.domain.results import Forgotten
from tidings.domain.topics import User, own_topic
from tidings.hub.hub import Hub
from tidings.services.call import Call
from tidings.services.exports import ExportService
from tidings.services.stepwise import ITEMS_PER_STEP, finished
from tidings.services.store_gateway import StoreGateway
from tidings.store.transactions.forgetting import Contributions, contributions, erase, tell_forgotten
from tidings.store.transactions.stepwise import retract_contribution
from tidings.store.transactions.transaction import Job

ERASE_STEP = 500  # rows erased in one transaction: under 50 ms
LOOK = 2000  # items looked through in one snapshot
PAUSE = 0.02  # seconds between two transactions: the writer is others' for most of the time

_decode = msgspec.json.Decoder(dict[str, Any]).decode


async def forget(
    user: User,
    *,
    revoke: Job[int],
    write: Callable[[Any], Awaitable[Any]],
    query: Callable[[Any], Awaitable[Any]],
    erase_files: Callable[[User], Awaitable[int]],
) -> tuple[Forgotten, int]:
    """Erase a user; return the counts, and the seq of the event that tells of it. An interrupted run may be repeated.

    `revoke` refuses the user's credentials; `write` and `query` run a job or a script that reads in the store.
    """
    await write(revoke)
    erased = Counter[str]()
    more = True
    while more:
        step = await write(erase(user, step=ERASE_STEP))
        erased.update(step)
        more = sum(step.values()) == ERASE_STEP
        await asyncio.sleep(PAUSE)
    after: int | None = 0
    while after is not None:
        found: Contributions = await query(contributions(user, after=after, step=LOOK))
        for group_key in sorted(found.groups):
            begun = await write(retract_contribution(group_key, user, step=ITEMS_PER_STEP))
            erased["groups"] += await finished(begun, write=write)
            await asyncio.sleep(PAUSE)
        after = found.through
    files = await erase_files(user)
    seq = await write(tell_forgotten(user))
    return (
        Forgotten(
            notifications=erased["notifications"],
            events=erased["events"],
            states=erased["states"],
            follows=erased["follows"],
            mutes=erased["mutes"],
            tickets=erased["tickets"],
            answers=erased["answers"],
            groups=erased["groups"],
            exports=files,
        ),
        int(seq),
    )


class ForgettingService:
    """Erases what is kept of users."""

    def __init__(
        self, gateway: StoreGateway, hub: Hub, exports: ExportService, *, revocation: Callable[[User], Job[int]]
    ) -> None:
        """`revocation` makes the job that refuses all that a user was issued up to now."""
        self._gateway = gateway
        self._hub = hub
        self._exports = exports
        self._revocation = revocation

    async def forget(self, call: Call, user: User) -> Forgotten:
        """Erase what is kept of a user, and refuse the user's credentials. Raises `PublishForbidden`."""
        call.grant.may_publish_everywhere()
        gateway = self._gateway
        done, seq = await forget(
            user,
            revoke=self._revocation(user),
            write=partial(gateway.write, rows=ERASE_STEP),
            query=gateway.query,
            erase_files=self._exports.erase,
        )
        await gateway.relay.reached(seq)
        return done

    def told(self, event: Event) -> None:
        """Drop the copies of this process as the event passes in the log, and end the user's streams."""
        user = User(_decode(event.data)["user"])
        for reader in self._hub.readers_of(user):
            self._hub.liveness.end_expired(reader)
        self._hub.memberships.forget(user)
        self._hub.ring.erase(own_topic(user))
