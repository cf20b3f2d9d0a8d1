"""What the verbs share that talk to a running server: where it is, and how failures are said.

Exit status 2: what was asked for makes no sense, here or to the server. 1: it could not be done.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from tidings.client import Client, ClientError, TidingsProblem

F = TypeVar("F", bound=Callable[..., Any])

HERE = "http://127.0.0.1:8000"  # where `tidings dev` is

# What a server answers to a request that would be as wrong the next time.
_BAD_INPUT = frozenset({400, 404, 409, 413, 415, 422})


class BadInput(click.ClickException):
    """What was asked for makes no sense."""

    exit_code = 2


class OneLine(click.Command):
    """Says what is wrong with its arguments in one line, without the usage."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does. Raises BadInput."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise BadInput(error.format_message()) from error


def server_options(command: F) -> F:
    """`--url` and `--token`."""
    token = click.option("--token", envvar="TIDINGS_TOKEN", help="A token for it (or TIDINGS_TOKEN).")
    url = click.option(
        "--url", envvar="TIDINGS_URL", default=HERE, show_default=True, help="The server (or TIDINGS_URL)."
    )
    return url(token(command))


@contextmanager
def connected(url: str, *, token: str | None, user: str | None = None) -> Iterator[Client]:
    """A client; what it raises becomes a line and an exit status."""
    try:
        client = Client(url, token=token, user=user, retries=1)
    except ValueError as error:
        raise BadInput(str(error)) from error
    with client:
        try:
            yield client
        except TidingsProblem as error:
            line = f"{error.detail} ({error.code})"
            raise (BadInput if error.status in _BAD_INPUT else click.ClickException)(line) from error
        except ClientError as error:
            raise click.ClickException(str(error)) from error
        except UnicodeEncodeError as error:
            raise BadInput(f"not UTF-8: {error.object[:80]!r}") from error
