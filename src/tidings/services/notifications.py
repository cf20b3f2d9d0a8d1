"""The verbs of the publishing plane: publish, update, retract."""

from __future__ import annotations  # else those of the closures are made anew with each call

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from tidings.domain.errors import TooLarge
from tidings.domain.model import Draft
from tidings.domain.results import Deleted, Published, PublishedBatch
from tidings.hub.hub import Hub
from tidings.services.call import Call
from tidings.services.commands import Commands
from tidings.services.stepwise import ITEMS_PER_STEP, finished
from tidings.settings import Settings
from tidings.store.transactions.changes import retract, update
from tidings.store.transactions.publish import publish
from tidings.store.transactions.stepwise import Step, retract_contribution, retract_entity
from tidings.store.transactions.transaction import Job

_audit = logging.getLogger("tidings.audit")  # which key sent what; never the content


class NotificationService:
    """Notifications as an application sends, changes and withdraws them. Each verb raises `PublishForbidden`."""

    def __init__(self, commands: Commands, hub: Hub, settings: Settings) -> None:
        self._commands = commands
        self._hub = hub
        self._window = int(settings.group_window * 1000)
        self._rows = settings.max_batch
        self._limit = settings.max_event

    async def publish(self, call: Call, draft: Draft) -> Published:
        """Store one notification. Raises `AlreadyExpired`, `TooLarge`."""
        call.grant.may_publish_to(draft.topics)
        rows = self._rows_of([draft])
        live = self._hub.audience(draft.topics)

        def result(done: list[Published]) -> Published:
            return replace(done[0], live=live) if live else done[0]

        job = publish([draft], group_window=self._window, limit=self._limit)
        done = await self._commands.run(call, job, result, Published, rows=rows)
        if call.grant.key:
            _audit.info("published", extra={"key": call.grant.key, "id": done.id, "recipients": rows})
        return done

    async def publish_batch(self, call: Call, drafts: Sequence[Draft]) -> PublishedBatch:
        """Store notifications in one transaction: all of them or none. Raises `AlreadyExpired`, `TooLarge`."""
        for draft in drafts:
            call.grant.may_publish_to(draft.topics)
        rows = self._rows_of(drafts)
        live = [self._hub.audience(draft.topics) for draft in drafts]

        def result(done: list[Published]) -> PublishedBatch:
            counted = zip(done, live, strict=True)
            return PublishedBatch(results=[replace(one, live=here) if here else one for one, here in counted])

        job = publish(drafts, group_window=self._window, limit=self._limit)
        done = await self._commands.run(call, job, result, PublishedBatch, rows=rows)
        if call.grant.key and done.results:
            first = done.results[0].id
            _audit.info("published_batch", extra={"key": call.grant.key, "first_id": first, "recipients": rows})
        return done

    async def update(
        self, call: Call, id: str, changes: Mapping[str, Any], *, expire_at: int | None | UnsetType = UNSET
    ) -> Published:
        """Change content in place. `expire_at` in milliseconds since 1970, None for never. Raises `NotFound`,
        `TooLarge`, `InvalidRequest` for what is no id."""
        call.grant.may_publish_everywhere()
        job = update(id, changes, expire_at=expire_at, limit=self._limit)
        return await self._commands.run(call, job, _same, Published)

    async def retract(self, call: Call, id: str) -> None:
        """Withdraw a notification from everyone. Raises `NotFound`, `InvalidRequest` for what is no id."""
        call.grant.may_publish_everywhere()
        await self._commands.run(call, retract(id), _deleted, Deleted)

    async def retract_entity(self, call: Call, entity: str) -> Deleted:
        """Withdraw everything about an entity, in steps; it is done on return."""
        call.grant.may_publish_everywhere()
        return await self._in_steps(call, retract_entity(entity, step=ITEMS_PER_STEP))

    async def retract_contribution(self, call: Call, *, group_key: str, actor: str) -> Deleted:
        """Take back what one actor contributed to a group, in steps; from how many items. `actor` is an `actor.id` as
        text."""
        call.grant.may_publish()
        return await self._in_steps(call, retract_contribution(group_key, actor, step=ITEMS_PER_STEP))

    async def _in_steps(self, call: Call, job: Job[Step]) -> Deleted:
        begun = await self._commands.run(call, job, _step, Step)
        write = partial(self._commands.go_on, call, rows=ITEMS_PER_STEP)
        return Deleted(deleted=await finished(begun, write=write))

    def _rows_of(self, drafts: Sequence[Draft]) -> int:
        """The rows that drafts become: one for each recipient, topic or announcement. Raises `TooLarge`."""
        rows = sum([len(draft.topics) for draft in drafts])
        if rows > self._rows:
            raise TooLarge(
                f"one request may become {self._rows} rows, one a recipient or topic of each notification; "
                f"this one would become {rows}: send it in parts"
            )
        return rows


def _same(done: Published) -> Published:
    return done


def _step(done: Step) -> Step:
    return done


def _deleted(number: int) -> Deleted:
    return Deleted(deleted=number)
