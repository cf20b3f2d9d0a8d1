"""`tidings token`: tokens for `tidings serve`."""

import secrets
import time

import click

from tidings.auth.keys import secrets_of
from tidings.auth.tokens import issue
from tidings.cli.arguments import BadInput, FiniteRange, OneLineCommand, settings_of
from tidings.domain.errors import TidingsError
from tidings.domain.topics import parse_topic, parse_user

CENTURY = 876_000  # hours


@click.command(cls=OneLineCommand)
@click.option("--config", type=click.Path(dir_okay=False), help="The server's settings (or TIDINGS_CONFIG).")
@click.option("--new-secret", is_flag=True, help="Print a fresh secret instead.")
@click.option("--user", help="Whose stream and inbox the token opens.")
@click.option("--publish", is_flag=True, help="The token may publish.")
@click.option("--topic", "topics", multiple=True, help="A topic the token may read; repeatable.")
@click.option("--hours", default=24.0, show_default=True, type=FiniteRange(0.001, CENTURY), help="How long it is good.")
def token(
    config: str | None, new_secret: bool, user: str | None, publish: bool, topics: tuple[str, ...], hours: float
) -> None:
    """Make a token, signed with the server's secret (TIDINGS_SECRET, or TIDINGS_SECRET_FILE)."""
    if new_secret:
        click.echo(secrets.token_urlsafe(32))
        return
    settings = settings_of({"mode": "dev", "config": config})
    if not settings.secret:
        raise BadInput("a secret of at least 32 characters is needed: set TIDINGS_SECRET or TIDINGS_SECRET_FILE")
    if user is None and not publish:
        raise BadInput("say what the token is for: --user, --publish or both")
    if hours * 3600 > settings.token_max_age:
        most = f"{settings.token_max_age / 3600:g}"
        click.echo(f"Servers take it in its last {most} hours, unless TIDINGS_TOKEN_MAX_AGE lets them.", err=True)
    try:
        made = issue(
            secrets_of(settings.secret)[0],
            user=None if user is None else parse_user(user),
            publish=publish,
            topics=[parse_topic(topic) for topic in topics],
            now=int(time.time()),
            lifetime=int(hours * 3600),
        )
    except TidingsError as error:
        raise BadInput(str(error)) from error
    click.echo(made)
