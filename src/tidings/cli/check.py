"""`tidings check`: check that the database is whole."""

from pathlib import Path

import click

from tidings.cli.arguments import OneLineCommand
from tidings.cli.database_file import database_option, failing
from tidings.store.sqlite import files


@click.command(cls=OneLineCommand)
@database_option
def check(db: Path) -> None:
    """Look for damage in the database: its pages, holes in the log, rows that belong to nothing.

    The server may run. Ends with status 1 if something is wrong.
    """
    with failing():
        found = files.check(db)
    for problem in found.problems:
        click.echo(problem, err=True)
    if found.problems:
        raise click.ClickException(f"{db} is damaged: restore a backup")
    click.echo(f"{db}: whole, up to {found.cursor}")
