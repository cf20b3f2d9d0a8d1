"""`tidings key`: what applications publish with."""

import secrets
from datetime import UTC, datetime

import click

from tidings.auth.api_keys import KEY_PREFIX, digest_of, parse_grants, parse_name
from tidings.cli.arguments import BadInput, settings_of
from tidings.cli.database import read, write
from tidings.domain.errors import TidingsError
from tidings.settings import Settings
from tidings.store.transactions.api_keys import create_key, revoke_keys, stored_keys

SHOWN = 8  # characters of a digest, by which one secret of a key is told from the other


@click.group()
@click.option("--config", type=click.Path(dir_okay=False), help="The server's settings (or TIDINGS_CONFIG).")
@click.option("--db", help="Database of the server.  [default: tidings.db]")
@click.pass_context
def key(ctx: click.Context, config: str | None, db: str | None) -> None:
    """Make, list and revoke API keys.

    In the database of the server, which may be running: it knows within a second.
    """
    ctx.obj = settings_of({"mode": "dev", "config": config, "db": db})


@key.command()
@click.argument("name")
@click.option("--topic", "topics", multiple=True, help="Where it publishes: a topic, author/*, or *; repeatable.")
@click.pass_obj
def create(settings: Settings, name: str, topics: tuple[str, ...]) -> None:
    """Print a new secret of a key. It is shown once; a name may have two."""
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    try:
        job = create_key(parse_name(name), digest_of(secret), parse_grants(topics))
    except TidingsError as error:
        raise BadInput(str(error)) from error
    write(settings, job)
    click.echo(secret)


@key.command(name="list")
@click.pass_obj
def list_(settings: Settings) -> None:
    """List the keys: the beginning of a secret's digest, name, grants, time."""
    for found in read(settings, stored_keys()):
        made = datetime.fromtimestamp(found.created_at / 1000, UTC).isoformat(timespec="seconds")
        click.echo("  ".join([found.digest[:SHOWN], found.name, ",".join(found.grants), made]))


@key.command()
@click.argument("name")
@click.option("--only", default="", help="Only the secret whose digest begins so (see list).")
@click.pass_obj
def revoke(settings: Settings, name: str, only: str) -> None:
    """Refuse a key from now on."""
    if not write(settings, revoke_keys(name, digest_prefix=only)):
        raise BadInput(f"there is no key {name!r}")
