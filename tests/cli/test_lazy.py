"""The list of commands, which is written down so that `tidings --help` imports none of them."""

from importlib import import_module
from pathlib import Path

import click
import pytest

import tidings.cli
from tidings.cli import main
from tidings.cli.lazy import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_begins_with_its_line_in_the_list(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert (command.help or "").startswith(COMMANDS[name].help.rstrip("."))


def test_every_command_is_in_the_list() -> None:
    """The module of a command has the command under its own name."""
    names = [path.stem for path in Path(tidings.cli.__path__[0]).glob("[!_]*.py")]
    attributes = {name: getattr(import_module(f"tidings.cli.{name}"), name, None) for name in names}
    assert {name for name, found in attributes.items() if isinstance(found, click.Command)} == set(COMMANDS)


def test_command_that_is_not_there_is_no_command() -> None:
    assert main.get_command(click.Context(main), "nothing") is None
