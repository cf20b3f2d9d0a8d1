"""`tidings dev`: everything on this machine, for trying it out."""

import ipaddress
import os

import click

from tidings.cli.arguments import BadInput, OneLineCommand, settings_of
from tidings.cli.foreground import log_level_option, serve_in_foreground
from tidings.demo.pages import pages


@click.command(cls=OneLineCommand)
@click.option("--host", help="Must be a loopback address.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="0 picks a free one.  [default: 8000]")
@click.option("--db", help="Database: a file, or postgresql://...  [default: tidings.db]")
@click.option("--heartbeat", type=float, help="Seconds between signs of life.  [default: 20]")
@log_level_option
def dev(host: str | None, port: int | None, db: str | None, heartbeat: float | None, log_level: str | None) -> None:
    """Run a server for development: it believes the user parameter (?user=alice).

    Every setting but the mode and the seed is also an environment variable, TIDINGS_ and its name: TIDINGS_PORT=9000
    """
    if host is None:
        host = os.environ.get("TIDINGS_HOST", "127.0.0.1")
    if not _loopback(host):
        raise BadInput(
            f"tidings dev believes any request's user parameter, so it listens on this machine only, not on {host!r}. "
            "Use tidings serve for others."
        )
    if log_level is None and "TIDINGS_LOG_LEVEL" not in os.environ:
        log_level = "warning"
    chosen = {
        "mode": "dev", "host": "127.0.0.1" if host == "localhost" else host, "port": port, "db": db,
        "heartbeat": heartbeat, "log_level": log_level, "seed": True,
    }  # fmt: skip
    serve_in_foreground(settings_of(chosen), pages=pages)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
