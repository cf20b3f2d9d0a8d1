"""Serving in the foreground of a terminal: the log on stderr, one line when it can be connected to."""

import secrets
import sys
from typing import get_args

import click

from tidings.api.about import about
from tidings.app import Pages
from tidings.cli.log import log_to_stderr
from tidings.domain.errors import TidingsError
from tidings.server.run import run
from tidings.server.supervisor import supervise
from tidings.settings import LogLevel, Settings

WORKER = (sys.executable, "-m", "tidings.cli.worker")  # the command that the supervisor starts

log_level_option = click.option(
    "--log-level",
    type=click.Choice(get_args(LogLevel), case_sensitive=False),
    help="info: start, open, drain, stop; debug: every connection, too.  [default: info; dev: warning]",
)


def serve_in_foreground(settings: Settings, *, pages: Pages = about) -> None:
    """Serve until a signal. Raises `ClickException` if it cannot."""
    key = (settings.secret or secrets.token_hex()) if settings.log_user_ids == "hashed" else ""
    log_to_stderr(settings.log_level, user_key=key.encode() or None)
    name = settings.masked()["db"]

    def on_ready(address: str) -> None:
        click.echo(f"Tidings is at {address} (database {name}; Ctrl-C stops it)")

    try:
        if settings.workers == 1:
            run(settings, pages=pages, on_ready=on_ready)
        else:
            sys.exit(supervise(settings, command=WORKER, log_key=key, on_ready=on_ready))
    except TidingsError as error:
        raise click.ClickException(str(error)) from error
