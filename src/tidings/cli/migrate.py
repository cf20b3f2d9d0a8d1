"""`tidings migrate`: the schema of this version, without serving."""

import asyncio

import click

from tidings.cli.arguments import OneLineCommand, settings_of
from tidings.cli.database_file import failing
from tidings.composition import opened_store
from tidings.settings import Settings


@click.command(cls=OneLineCommand)
@click.option("--config", type=click.Path(dir_okay=False), help="The server's settings (or TIDINGS_CONFIG).")
@click.option("--db", help="Database: a file, or postgresql://...  [default: tidings.db]")
def migrate(config: str | None, db: str | None) -> None:
    """Make the database, or bring it to this version's schema.

    A server does so by itself when it starts. Of several that do it at once one does it, and the others wait.
    """
    settings = settings_of({"mode": "dev", "config": config, "db": db})
    with failing():
        epoch, head = asyncio.run(_migrated(settings))
    click.echo(f"{settings.masked()['db']} is up to date: epoch {epoch}, head {head}")


async def _migrated(settings: Settings) -> tuple[str, int]:
    async with opened_store(settings) as store:
        _, head = await store.span()
        return store.epoch, head
