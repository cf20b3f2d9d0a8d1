"""`tidings export`: all that is kept of a user, for the user."""

import json
from typing import Any

import click

from tidings.cli.arguments import BadInput, settings_of
from tidings.cli.database import read
from tidings.domain.errors import InvalidUser
from tidings.domain.topics import parse_user
from tidings.store.transactions.forgetting import kept_of


@click.command()
@click.argument("user")
@click.option("--config", type=click.Path(dir_okay=False), help="The server's settings (or TIDINGS_CONFIG).")
@click.option("--db", help="Database of the server.  [default: tidings.db]")
def export(user: str, config: str | None, db: str | None) -> None:
    """Print all that is kept of USER, as JSON: notifications, their states, the log, follows, mutes, stored answers.

    Notifications of shared topics are not in it, nor are workbooks. The server may be running.
    """
    settings = settings_of({"mode": "dev", "config": config, "db": db})
    try:
        kept = read(settings, kept_of(parse_user(user)))
    except InvalidUser as error:
        raise BadInput(str(error)) from error
    document = {kind: [_opened(row) for row in rows] for kind, rows in kept.items()}
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def _opened(row: dict[str, Any]) -> dict[str, Any]:
    """A row with the JSON that its columns hold."""
    return {name: json.loads(value) if name in {"data", "content", "body"} else value for name, value in row.items()}
