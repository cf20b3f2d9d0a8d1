"""Options and errors of the commands that talk to a running server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from tidings.cli.arguments import BadInput
from tidings.client import Client, ClientError, TidingsProblem

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_URL = "http://127.0.0.1:8000"  # where `tidings dev` is

# Statuses of a request that would be as wrong the next time.
_BAD_INPUT = frozenset({400, 404, 409, 413, 415, 422})


def server_options(command: F) -> F:
    """`--url` and `--token`."""
    token = click.option("--token", envvar="TIDINGS_TOKEN", help="A token for it (or TIDINGS_TOKEN).")
    url = click.option(
        "--url", envvar="TIDINGS_URL", default=DEFAULT_URL, show_default=True, help="The server (or TIDINGS_URL)."
    )
    return url(token(command))


@contextmanager
def connected(url: str, *, token: str | None, user: str | None = None) -> Iterator[Client]:
    """Open a client, and turn its errors into a line and an exit status."""
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
        except ValueError as error:  # the client refuses what it could not send
            raise BadInput(str(error)) from error
