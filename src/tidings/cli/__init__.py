"""The command `tidings`: dev, serve, publish, listen, token.

Rule 1. What the user got wrong is one clear line on the terminal, never a traceback.
"""

import click

from tidings import __version__
from tidings.cli.dev import dev
from tidings.cli.listen import listen
from tidings.cli.publish import publish
from tidings.cli.serve import serve
from tidings.cli.token import token


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tidings")
def main() -> None:
    """Real-time in-app notifications, from one process."""


for command in (dev, serve, publish, listen, token):
    main.add_command(command)
