"""The arguments of the commands, and their errors: one line on stderr.

Exit status 2: the input makes no sense, here or to the server. 1: it could not be done.
"""

import math
from collections.abc import Mapping
from typing import Any

import click

from tidings.configuration import Configuration, configure
from tidings.domain.errors import InvalidSettings
from tidings.settings import Settings


class BadInput(click.ClickException):
    """The input makes no sense."""

    exit_code = 2


class OneLineCommand(click.Command):
    """Reports a wrong argument in one line, without the usage."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does. Raises BadInput."""
        for argument in args:
            if not argument.isprintable() and not _is_utf8(argument):
                raise BadInput(f"not UTF-8: {argument[:80]!r}")
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise BadInput(error.format_message()) from error


def _is_utf8(argument: str) -> bool:
    """False for an argument whose bytes Python could not decode (PEP 383)."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


class FiniteRange(click.FloatRange):
    """A number within bounds. (To click `nan` is not outside of them.)"""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click does; refuse `nan`."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not a number from {self.min:g} to {self.max:g}", param, ctx)
        return number


def configuration_of(chosen: Mapping[str, Any]) -> Configuration:
    """The settings in force and their sources; unknown variables are warned of on stderr. Raises BadInput."""
    try:
        configuration = configure(chosen)
    except InvalidSettings as error:
        raise BadInput(str(error)) from error
    for warning in configuration.warnings:
        click.echo(f"Warning: {warning}", err=True)
    return configuration


def settings_of(chosen: Mapping[str, Any]) -> Settings:
    """The settings in force. Raises BadInput."""
    return configuration_of(chosen).settings
