"""`tidings run`: an application that Tidings is mounted in."""

import sys

import click

from tidings.cli.arguments import BadInput, OneLineCommand
from tidings.domain.errors import InvalidSettings
from tidings.server.host import run_host


@click.command(cls=OneLineCommand)
@click.argument("target", metavar="MODULE:APP")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--log-level", default="info", show_default=True, help="uvicorn's.")
def run(target: str, host: str, port: int, log_level: str) -> None:
    """Run an application that Tidings is mounted in.

    MODULE:APP is an ASGI application with a tidings.App in its routes.

    It runs as under uvicorn, but streams give their sockets to Tidings and cost as little as under tidings serve, and
    the server does not wait for them when it stops.
    """
    sys.path.insert(0, "")
    try:
        run_host(target, host=host, port=port, log_level=log_level)
    except InvalidSettings as error:
        raise BadInput(str(error)) from error
