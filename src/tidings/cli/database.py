"""Commands that work in the database of a server, which may be running."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import click

from tidings.cli.arguments import BadInput
from tidings.composition import opened_store
from tidings.domain.errors import InvalidRequest, TidingsError
from tidings.settings import Settings
from tidings.store.transactions.transaction import Job, Read

T = TypeVar("T")


def write(settings: Settings, job: Job[T]) -> T:
    """Run one job in a transaction of its own. Raises `BadInput`, `ClickException`."""

    async def work() -> Any:
        async with opened_store(settings) as store:
            return (await store.transact([job])).results[0]

    result = done(work())
    if isinstance(result, InvalidRequest):
        raise BadInput(str(result))
    if isinstance(result, Exception):
        raise click.ClickException(str(result))
    found: T = result
    return found


def read(settings: Settings, script: Read[T]) -> T:
    """Run one query. Raises `ClickException`."""

    async def work() -> T:
        async with opened_store(settings) as store:
            found: T = await store.query(script)
            return found

    return done(work())


def done(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end. Raises `ClickException`."""
    try:
        return asyncio.run(work)
    except TidingsError as error:
        raise click.ClickException(str(error)) from error
