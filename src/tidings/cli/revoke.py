"""`tidings revoke`: credentials that are refused before their time is over."""

import time

import click

from tidings.cli.arguments import BadInput, settings_of
from tidings.cli.database import write
from tidings.domain.errors import InvalidRequest
from tidings.domain.topics import parse_user
from tidings.services.revocations import revocation


@click.command()
@click.argument("user", required=False)
@click.option("--jti", help="Only the token of this name.")
@click.option("--config", type=click.Path(dir_okay=False), help="The server's settings (or TIDINGS_CONFIG).")
@click.option("--db", help="Database of the server.  [default: tidings.db]")
def revoke(user: str | None, jti: str | None, config: str | None, db: str | None) -> None:
    """Refuse a user's credentials, or one token.

    All that USER was issued until this second, or the one token that --jti names.

    In the database of the server, which may be running: it knows within a second, and ends what was opened with them.
    """
    settings = settings_of({"mode": "dev", "config": config, "db": db})
    try:
        whose = parse_user(user) if user is not None else None
        job = revocation(whose, jti, now=time.time(), max_age=settings.token_max_age)
    except InvalidRequest as error:
        raise BadInput(str(error)) from error
    write(settings, job)
