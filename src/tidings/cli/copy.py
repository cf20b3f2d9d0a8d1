"""`tidings copy`: from a database file to PostgreSQL."""

import asyncio

import click

from tidings.cli.arguments import BadInput, OneLineCommand
from tidings.cli.database_file import failing, progress_bar
from tidings.settings import PostgresUrl, database
from tidings.store.copying import copy_log


@click.command(cls=OneLineCommand)
@click.argument("source")
@click.argument("target")
def copy(source: str, target: str) -> None:
    """Copy the log of a file into PostgreSQL.

    SOURCE is the file, TARGET is postgresql://..., a database without a log. Stop the server first. Cursors, ids,
    inboxes and credentials stay valid. A copy that was cut off goes on where it was when the command is given again.
    """
    try:
        file, url = database(source), database(target)
    except ValueError as error:
        raise BadInput(str(error)) from error
    if isinstance(file, PostgresUrl) or not isinstance(url, PostgresUrl):
        raise BadInput("a log is copied from a file (a path, or sqlite:///path) to postgresql://...")
    with failing(), progress_bar("Copying") as progress:
        cursor = asyncio.run(copy_log(file, url, progress=progress))
    click.echo(f"copied up to {cursor}")
