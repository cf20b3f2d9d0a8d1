"""Shared parts of the commands on the database file."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from tidings.cli.arguments import BadInput, settings_of
from tidings.domain.errors import TidingsError
from tidings.settings import PostgresUrl

PROGRESS_STEPS = 1000


def database_option(command: Callable[..., None]) -> Callable[..., None]:
    """`--db`, else TIDINGS_DB or the configuration's: the command is called with a path."""

    @click.option("--db", help="The database, as for `tidings serve`.  [default: tidings.db]")
    @functools.wraps(command)
    def with_path(*args: Any, db: str | None, **options: Any) -> None:
        path = settings_of({"mode": "dev", "db": db}).db
        if isinstance(path, PostgresUrl):
            raise BadInput("this is for a database file; of a PostgreSQL database the server's own tools take care")
        command(*args, db=path, **options)

    return with_path


@contextmanager
def failing() -> Iterator[None]:
    """An error of ours is one line, and exit status 1."""
    try:
        yield
    except TidingsError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[float], None]]:
    """A bar on stderr, if that is a terminal, moved by the part that is done (0 to 1)."""
    if not sys.stderr.isatty():
        yield _not_shown
        return
    with click.progressbar(length=PROGRESS_STEPS, label=label, file=sys.stderr) as bar:

        def show(done: float) -> None:
            bar.update(max(0, int(done * PROGRESS_STEPS) - bar.pos))

        yield show


def _not_shown(_: float) -> None:
    pass
