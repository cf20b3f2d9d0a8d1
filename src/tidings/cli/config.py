"""`tidings config`: the settings in force."""

import click

from tidings.cli.arguments import OneLineCommand, configuration_of
from tidings.configuration import shown


@click.command(cls=OneLineCommand)
@click.option("--config", "file", type=click.Path(dir_okay=False), help="A TOML file (or TIDINGS_CONFIG).")
def config(file: str | None) -> None:
    """Print the settings in force.

    As TOML, secrets masked, each with where it came from.
    """
    click.echo(shown(configuration_of({"config": file})))
