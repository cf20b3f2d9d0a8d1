"""`tidings backup`: a copy of the database while the server runs."""

from pathlib import Path

import click

from tidings.cli.arguments import OneLineCommand
from tidings.cli.database_file import database_option, failing, progress_bar
from tidings.store.sqlite import files


@click.command(cls=OneLineCommand)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@database_option
def backup(file: Path, db: Path) -> None:
    """Copy the database while the server runs.

    Into FILE, which must not be there yet. The copy is of one moment, and is checked. `tidings restore` puts it back.
    """
    with failing(), progress_bar("Copying") as progress:
        made = files.back_up(db, file, progress=progress)
    click.echo(f"{file}: {made.bytes} bytes, up to {made.cursor}")
