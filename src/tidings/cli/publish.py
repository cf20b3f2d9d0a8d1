"""`tidings publish`: send a notification from the terminal, or a file of them."""

import json
from typing import Any, BinaryIO, cast

import click
from click.core import ParameterSource

from tidings.cli.arguments import BadInput, FiniteRange, OneLineCommand
from tidings.cli.connection import connected, server_options
from tidings.client import NewNotification, Recipients
from tidings.client._encoding import recipients

_WITH_A_BATCH = {"batch", "url", "token", "idempotency_key"}


def _json(ctx: click.Context, option: click.Parameter, text: str | None) -> Any:
    if text is None:
        return None
    try:
        return _value(text)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"not JSON: {error}") from error


def _value(text: str | bytes) -> Any:
    """Parse JSON. (Python also reads NaN, and 1e999 as infinity.) Raises ValueError, RecursionError."""
    value = json.loads(text)
    json.dumps(value, allow_nan=False)
    return value


@click.command(cls=OneLineCommand)
@click.option("--to-user", metavar="USER", help="To one person.")
@click.option("--to-users", metavar="USER,USER", help="To each of several people.")
@click.option("--topic", metavar="TOPIC", help="To the followers of a topic.")
@click.option("--all", "to_all", is_flag=True, help="To everyone.")
@click.option("--type", default="message", show_default=True, help="What kind of notification it is: like, comment ...")
@click.option("--title")
@click.option("--body")
@click.option("--data", metavar="JSON", callback=_json, help="Anything, for the program that shows it.")
@click.option("--actor", metavar="JSON", callback=_json, help='The acting user: \'{"id": "bob", "name": "Bob"}\'.')
@click.option("--action-url", metavar="URL", help="Where a click leads.")
@click.option("--entity", metavar="NAME", help="What it is about: post/9.")
@click.option("--group-key", metavar="KEY", help="Merge with others of the same key.")
@click.option("--priority", type=click.Choice(["low", "normal", "high", "critical"]))
@click.option("--progress", type=FiniteRange(0, 1), help="0 to 1.")
@click.option("--expire-time", metavar="TIME", help="When it goes away: 2030-01-01T00:00:00Z.")
@click.option("--idempotency-key", metavar="KEY", help="Stored once, however often it is sent.")
@click.option(
    "--batch", type=click.File("rb"), metavar="FILE|-", help="One JSON notification a line instead, in one go."
)
@server_options
def publish(
    to_user: str | None,
    to_users: str | None,
    topic: str | None,
    to_all: bool,
    type: str,
    batch: BinaryIO | None,
    idempotency_key: str | None,
    url: str,
    token: str | None,
    **content: Any,
) -> None:
    """Send a notification; prints the server's answer.

    \b
      tidings publish --to-user alice --type like --body 'Bob liked your post'
      tidings publish --topic author/42 --title 'A new post' --data '{"post": 9}'
      tidings publish --batch notifications.ndjson
    """
    content = {name: value for name, value in content.items() if value is not None}
    targets = _targets(to_user, to_users, topic, to_all)
    if batch is not None and (unused := _options_given() - _WITH_A_BATCH):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(unused))
        raise BadInput(f"--batch takes everything from its file: leave {names.replace('--to-all', '--all')} out")
    if batch is None and len(targets) != 1:
        raise BadInput("name the recipients: one of --to-user, --to-users, --topic, --all (or --batch FILE)")
    with connected(url, token=token) as client:
        answer: Any
        if batch is not None:
            answer = client.publish_batch(_notifications_of(batch), idempotency_key=idempotency_key)
        else:
            answer = client.publish(to=targets[0], type=type, idempotency_key=idempotency_key, **content)
    click.echo(json.dumps(answer, ensure_ascii=False))


def _options_given() -> set[str]:
    """The names of the options on the command line."""
    ctx = click.get_current_context()
    return {name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}


def _targets(user: str | None, users: str | None, topic: str | None, everyone: bool) -> list[Recipients]:
    targets: list[Recipients] = []
    if user is not None:
        targets.append({"user": user})
    if users is not None:
        targets.append({"users": [name.strip() for name in users.split(",") if name.strip()]})
    if topic is not None:
        targets.append({"topic": topic})
    if everyone:
        targets.append({"all": True})
    return targets


def _notifications_of(file: BinaryIO) -> list[NewNotification]:
    """The notifications in a file of one JSON object a line. Raises BadInput."""
    found: list[NewNotification] = []
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            value = _value(line)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"line {number} is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise BadInput(f'line {number} is not a notification: {{"to": {{"user": "alice"}}, "type": "like"}}')
        try:
            recipients(value.get("to"))
        except TypeError as error:
            raise BadInput(f"line {number}: {error}") from error
        found.append(cast(NewNotification, value))
    return found
