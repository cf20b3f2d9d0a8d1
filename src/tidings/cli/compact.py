"""`tidings compact`: give free pages back."""

from pathlib import Path

import click

from tidings.cli.arguments import OneLineCommand
from tidings.cli.database_file import database_option, failing, progress_bar
from tidings.store.sqlite import files


@click.command(cls=OneLineCommand)
@database_option
def compact(db: Path) -> None:
    """Give the pages that are free back to the file system.

    The server may run: it is done in steps between its writes.
    """
    with failing(), progress_bar("Compacting") as progress:
        given = files.compact(db, progress=progress)
    click.echo(f"{db}: {given} bytes given back")
