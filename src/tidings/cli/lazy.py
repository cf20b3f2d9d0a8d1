"""A group of commands that imports each when it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

import click

from tidings.extras import extra_of, pip_install


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """One line of the help, which must not import what it lists."""

    help: str
    extra: str | None = None  # what the command needs beside a bare installation


COMMANDS: Mapping[str, CommandEntry] = {
    "dev": CommandEntry("Run a server for development.", "server"),
    "serve": CommandEntry("Run a server that authenticates its callers by tokens.", "server"),
    "run": CommandEntry("Run an application that Tidings is mounted in.", "server"),
    "publish": CommandEntry("Send a notification."),
    "listen": CommandEntry("Print events as they come."),
    "outbox": CommandEntry("Publish what an application wrote in its own transactions."),
    "key": CommandEntry("Make, list and revoke API keys.", "app"),
    "revoke": CommandEntry("Refuse a user's credentials, or one token.", "app"),
    "forget": CommandEntry("Erase what is kept of USER.", "app"),
    "export": CommandEntry("Print all that is kept of USER.", "app"),
    "config": CommandEntry("Print the settings in force.", "app"),
    "backup": CommandEntry("Copy the database while the server runs.", "app"),
    "restore": CommandEntry("Put a backup in the place of the database.", "app"),
    "check": CommandEntry("Look for damage in the database.", "app"),
    "compact": CommandEntry("Give the pages that are free back to the file system.", "app"),
    "migrate": CommandEntry("Make the database, or bring it to this version's schema.", "app"),
    "copy": CommandEntry("Copy the log of a file into PostgreSQL.", "postgres"),
    "token": CommandEntry("Make a token.", "app"),
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
