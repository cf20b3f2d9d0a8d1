"""`tidings serve`: a server for an application and its users."""

import click

from tidings.auth.keys import pem_keys
from tidings.cli.arguments import BadInput, OneLineCommand, settings_of
from tidings.cli.foreground import log_level_option, serve_in_foreground
from tidings.domain.errors import InvalidSettings


@click.command(cls=OneLineCommand)
@click.option("--config", type=click.Path(dir_okay=False), help="A TOML file of settings (or TIDINGS_CONFIG).")
@click.option("--check", is_flag=True, help="Say whether the settings make sense, and do not serve.")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="[default: 8000]")
@click.option("--db", help="Database: a file, or postgresql://...  [default: tidings.db]")
@click.option("--heartbeat", type=float, help="Seconds between signs of life.  [default: 20]")
@click.option("--workers", type=int, help="Processes that serve.  [default: 1]")
@click.option("--drain-seconds", type=float, help="Seconds over which streams leave at shutdown.  [default: 0]")
@log_level_option
@click.option("--seed/--no-seed", default=None, help="Mount /notification/socket-connection and /export-excel.")
def serve(
    config: str | None, check: bool, host: str | None, port: int | None, db: str | None, heartbeat: float | None,
    workers: int | None, drain_seconds: float | None, log_level: str | None, seed: bool | None,
) -> None:  # fmt: skip
    """Run a server that authenticates its callers by tokens (TIDINGS_SECRET; see tidings token).

    Every setting is also an environment variable, TIDINGS_ and its name: TIDINGS_CORS_ORIGINS=https://app.example, and
    a line of the file: cors_origins = ["https://app.example"]. Options go before variables, and those before the file.
    """
    chosen = {
        "mode": "serve", "config": config, "host": host, "port": port, "db": db, "heartbeat": heartbeat,
        "workers": workers, "drain_seconds": drain_seconds, "log_level": log_level, "seed": seed,
    }  # fmt: skip
    settings = settings_of(chosen)
    try:
        pem_keys(settings.token_keys)
    except InvalidSettings as error:
        raise BadInput(str(error)) from error
    if check:
        click.echo("The settings make sense.")
    else:
        serve_in_foreground(settings)
