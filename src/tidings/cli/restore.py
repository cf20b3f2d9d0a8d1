"""`tidings restore`: a backup in the place of the database."""

from pathlib import Path

import click

from tidings.cli.arguments import OneLineCommand
from tidings.cli.database_file import database_option, failing
from tidings.store.sqlite import files


@click.command(cls=OneLineCommand)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@database_option
def restore(file: Path, db: Path) -> None:
    """Put a backup in the place of the database.

    The server must be stopped. The log goes on under a new epoch: clients that have seen what came after the backup
    are told so. The database that was there is kept beside it.
    """
    with failing():
        made = files.restore(file, db)
    click.echo(f"{db}: restored up to {made.cursor}")
