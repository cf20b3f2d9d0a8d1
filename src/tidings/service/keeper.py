"""The keeper: retention, expiry, old workbooks, and a look for what hints did not tell."""

import asyncio
import itertools
import logging

from tidings.domain.errors import TidingsError
from tidings.service.desk import Desk
from tidings.service.export import Exporter
from tidings.service.relay import Relay
from tidings.store.ledger.pruning import Retention, prune
from tidings.store.ledger.publish import due, expire

_log = logging.getLogger("tidings.keeper")

EVERY = 0.2  # seconds between looks at what expires
TIDY = 5  # looks between two rounds of almost everything else
SWEEP = 3000  # looks between two rounds of the exports' folder; the first is at the start
STEP = 500  # rows a transaction


class Keeper:
    """Small steps between other people's transactions; never a long one."""

    def __init__(self, desk: Desk, relay: Relay, exporter: Exporter) -> None:
        self._desk = desk
        self._relay = relay
        self._exporter = exporter
        settings = desk.settings
        self._retention = Retention(
            log_age=int(settings.retention_age * 1000),
            log_rows=settings.retention_rows,
            inbox_age=int(settings.inbox_age * 1000),
        )

    async def run(self) -> None:
        """For ever."""
        for turn in itertools.count():
            await asyncio.sleep(EVERY)
            try:
                await self._expire()
                if turn % TIDY == 0:
                    await self._tidy()
                if turn % SWEEP == 0:
                    await self._exporter.sweep()
            except TidingsError as error:
                _log.warning("keeper_failed", extra={"code": error.code, "reason": str(error)})

    async def _expire(self) -> None:
        now = self._desk.clock()
        while await self._desk.ask(lambda floor, head: due(now=now)):
            await self._desk.write(expire(limit=STEP))

    async def _tidy(self) -> None:
        await self._relay.look()
        while await self._desk.write(prune(self._retention, step=STEP)):
            pass
