"""`tidings serve`: for an application and its users."""

from pathlib import Path

import click

from tidings.cli.foreground import log_level_option, serve_in_foreground
from tidings.cli.refusal import OneLine, settings_of


@click.command(cls=OneLine)
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="[default: 8000]")
@click.option("--db", type=click.Path(dir_okay=False, path_type=Path), help="Database file.  [default: tidings.db]")
@click.option("--heartbeat", type=float, help="Seconds between signs of life.  [default: 20]")
@log_level_option
@click.option("--seed/--no-seed", default=None, help="Mount /notification/socket-connection and /export-excel.")
def serve(
    host: str | None,
    port: int | None,
    db: Path | None,
    heartbeat: float | None,
    log_level: str | None,
    seed: bool | None,
) -> None:
    """Run a server that knows its callers by their tokens (TIDINGS_SECRET; see tidings token).

    Every setting is also an environment variable, TIDINGS_ and its name: TIDINGS_CORS_ORIGINS=https://app.example
    """
    chosen = {
        "mode": "serve", "host": host, "port": port, "db": db, "heartbeat": heartbeat, "log_level": log_level,
        "seed": seed,
    }  # fmt: skip
    serve_in_foreground(settings_of(chosen))
