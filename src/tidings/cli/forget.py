"""`tidings forget`: erase what is kept of a user."""

import asyncio
import time
from typing import Any

import click
import msgspec

from tidings.cli.arguments import BadInput, settings_of
from tidings.cli.database import done
from tidings.composition import exports_folder, opened_store
from tidings.domain.errors import InvalidUser
from tidings.domain.results import Forgotten
from tidings.domain.topics import User, parse_user
from tidings.services.export_files import erase_exports
from tidings.services.forgetting import forget as forget_user
from tidings.services.revocations import revocation
from tidings.settings import Settings


@click.command()
@click.argument("user")
@click.option("--config", type=click.Path(dir_okay=False), help="The server's settings (or TIDINGS_CONFIG).")
@click.option("--db", help="Database of the server.  [default: tidings.db]")
def forget(user: str, config: str | None, db: str | None) -> None:
    """Erase what is kept of USER, and refuse all credentials that USER was issued up to now.

    In the database of the server, which may be running: it drops its copies and ends the user's streams. Prints what
    was erased. After an interruption, run it again: it goes on.
    """
    settings = settings_of({"mode": "dev", "config": config, "db": db})
    try:
        whose = parse_user(user)
    except InvalidUser as error:
        raise BadInput(str(error)) from error
    for kind, number in msgspec.structs.asdict(done(_forgotten(settings, whose))).items():
        click.echo(f"{kind}: {number}")


async def _forgotten(settings: Settings, user: User) -> Forgotten:
    async with opened_store(settings) as store:

        async def write(job: Any) -> Any:
            [result] = (await store.transact([job])).results
            if isinstance(result, Exception):
                raise result
            return result

        async def erase_files(user: User) -> int:
            return await asyncio.to_thread(erase_exports, exports_folder(settings), user)

        erased, _ = await forget_user(
            user,
            revoke=revocation(user, None, now=time.time(), max_age=settings.token_max_age),
            write=write,
            query=store.query,
            erase_files=erase_files,
        )
        return erased
