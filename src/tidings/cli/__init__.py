"""The command `tidings`: dev, serve, run, publish, listen, token.

Rule 1. A mistake of the user is one clear line on the terminal, never a traceback.
Rule 2. A command is imported when it is asked for: one POST does not load the server, and needs none of its packages.
"""

import click

from tidings import __version__
from tidings.cli.lazy import LazyGroup


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tidings")
def main() -> None:
    """Real-time in-app notifications, from one process."""
