"""`tidings token`: tokens for `tidings serve`."""

import secrets
import time

import click

from tidings.auth.tokens import issue
from tidings.cli.refusal import BadInput, Between, OneLine
from tidings.domain.errors import TidingsError
from tidings.domain.topics import parse_topic, parse_user

CENTURY = 876_000  # hours


@click.command(cls=OneLine)
@click.option("--secret", envvar="TIDINGS_SECRET", help="The server's secret (or TIDINGS_SECRET).")
@click.option("--new-secret", is_flag=True, help="Print a fresh secret instead.")
@click.option("--user", help="Whose stream and inbox the token opens.")
@click.option("--publish", is_flag=True, help="The token may publish.")
@click.option("--topic", "topics", multiple=True, help="A topic the token may read; repeatable.")
@click.option("--hours", default=24.0, show_default=True, type=Between(0.001, CENTURY), help="How long it is good.")
def token(
    secret: str | None, new_secret: bool, user: str | None, publish: bool, topics: tuple[str, ...], hours: float
) -> None:
    """Make a token."""
    if new_secret:
        click.echo(secrets.token_urlsafe(32))
        return
    if not secret or len(secret) < 32:
        raise BadInput("a secret of at least 32 characters is needed: set TIDINGS_SECRET or pass --secret")
    if user is None and not publish:
        raise BadInput("say what the token is for: --user, --publish or both")
    try:
        made = issue(
            secret,
            user=None if user is None else parse_user(user),
            publish=publish,
            topics=[parse_topic(topic) for topic in topics],
            now=int(time.time()),
            lifetime=int(hours * 3600),
        )
    except TidingsError as error:
        raise BadInput(str(error)) from error
    click.echo(made)
