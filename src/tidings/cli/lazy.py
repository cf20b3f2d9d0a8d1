"""A group of commands that imports each when it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

import click

from tidings.extras import extra_of, pip_install


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the help, which must not import what it lists."""

    help: str
    extra: str | None = None  # what the command needs beside a bare installation


COMMANDS: Mapping[str, Entry] = {
    "dev": Entry("Run a server for development.", "server"),
    "serve": Entry("Run a server that knows its callers by their tokens.", "server"),
    "publish": Entry("Send a notification."),
    "listen": Entry("Print events as they come."),
    "config": Entry("Print the settings in force.", "app"),
    "token": Entry("Make a token.", "app"),
}


class LazyGroup(click.Group):
    """The commands of `COMMANDS`: `name` is the function of that name in `tidings.cli.name`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As click does."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """As click does. Raises `ClickException` where the command's extra is not installed."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        try:
            command: click.Command = getattr(import_module(f"tidings.cli.{cmd_name}"), cmd_name)
        except ModuleNotFoundError as error:
            if entry.extra is None or extra_of(error) is None:
                raise
            line = f"tidings {cmd_name} needs {error.name}, which is not installed: {pip_install(entry.extra)}"
            raise click.ClickException(line) from error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does, without a look at the commands themselves."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])
