"""The verbs of preferences: what a person mutes."""

from collections.abc import Sequence

from tidings.domain.results import Mutes, MutesAt
from tidings.services.call import Call
from tidings.services.commands import Commands
from tidings.services.store_gateway import StoreGateway
from tidings.store.transactions.follows import mute, muted, set_mutes, unmute


class PreferenceService:
    """The caller's own preferences. Each verb raises `NotIdentified`."""

    def __init__(self, commands: Commands, gateway: StoreGateway) -> None:
        self._commands = commands
        self._gateway = gateway

    async def get(self, call: Call) -> Mutes:
        """The caller's mutes."""
        user = call.grant.me()
        return Mutes(mutes=await self._gateway.query(muted(user)))

    async def replace(self, call: Call, mutes: Sequence[str]) -> MutesAt:
        """Mute exactly these. Two devices that do this at once overwrite each other: see `mute`. Raises `TooLarge`."""
        return await self._commands.run(call, set_mutes(call.grant.me(), mutes), _same, MutesAt, rows=len(mutes) + 1)

    async def mute(self, call: Call, tag: str) -> MutesAt:
        """Mute one more. Raises `TooLarge` beyond a thousand, or 32 KiB."""
        return await self._commands.run(call, mute(call.grant.me(), tag), _same, MutesAt)

    async def unmute(self, call: Call, tag: str) -> MutesAt:
        """Mute one no more."""
        return await self._commands.run(call, unmute(call.grant.me(), tag), _same, MutesAt)


def _same(done: MutesAt) -> MutesAt:
    return done
