"""`tidings listen`: print a user's notifications as they arrive."""

import json
from collections.abc import Sequence
from typing import Any

import click

from tidings.cli.arguments import BadInput, OneLineCommand
from tidings.cli.connection import connected, server_options
from tidings.client import Event, Status, Transport

WIDTH = 300  # characters of a line that is not JSON


@click.command(cls=OneLineCommand)
@click.option("--user", help="The user to listen as (a server in development mode takes it without proof).")
@click.option("--cursor", help="Where to start: an event's id, or start for all that is kept.  [default: now]")
@click.option("--topic", "topics", metavar="TOPIC", multiple=True, help="Read this topic too; repeatable.")
@click.option("--transport", type=click.Choice(["sse", "poll", "ws"]), help="[default: sse, or poll if it must be]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@server_options
def listen(
    user: str | None,
    cursor: str | None,
    topics: tuple[str, ...],
    transport: Transport | None,
    as_json: bool,
    url: str,
    token: str | None,
) -> None:
    """Print events as they come, one a line; Ctrl-C ends it.

    Reconnects by itself and resumes after the last event. The state of the connection is printed on stderr.
    """
    if user is None and token is None:
        raise BadInput("say who is listening: --user alice (tidings dev) or --token ...")
    show = _json_line if as_json else line_of
    transports: Sequence[Transport] = (transport,) if transport else ("sse", "poll")
    try:
        with connected(url, token=token, user=user) as client:
            for event in client.stream(
                cursor=cursor, topics=topics, transports=transports, insist=False, on_status=StatusPrinter(url)
            ):
                click.echo(show(event))
    except KeyboardInterrupt:
        return


class StatusPrinter:
    """Prints the state of the connection on stderr."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ever = False
        self._transport: str | None = None

    def __call__(self, status: Status) -> None:
        match status.state:
            case "open":
                what = "connected again to" if self._ever else "listening to"
                click.echo(f"{what} {self._url} ({status.transport}); Ctrl-C ends it", err=True)
                self._ever = True
            case "waiting":
                click.echo(f"{printable(status.reason)}; reconnecting in {status.delay:.1f} s", err=True)
            case "connecting" if self._transport not in (None, status.transport):
                click.echo(f"{self._transport} did not come through; trying {status.transport}", err=True)
        self._transport = status.transport


def _json_line(event: Event) -> str:
    return json.dumps({"id": event.id, "type": event.type, "data": event.data}, ensure_ascii=False)


def line_of(event: Event) -> str:
    """An event, for people."""
    data = event.data if isinstance(event.data, dict) else {}
    match event.type.partition(".")[0]:
        case "notification" if "type" in data:
            said = _notification(data)
        case "notification" if "id" in data:
            said = f"{data.get('id')} {data.get('reason', '')}"
        case "inbox":
            said = _marked(data)
        case "follow":
            said = str(data.get("topic"))
        case "reset":
            said = f"cannot go on from there ({data.get('reason')}); going on after {data.get('cursor')}"
        case _:
            said = json.dumps(event.data, ensure_ascii=False)
    line = printable(f"{event.id}  {event.type}  {said}").rstrip()
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def _notification(data: dict[str, Any]) -> str:
    words = ": ".join(str(data[part]) for part in ("title", "body") if data.get(part))
    group = data.get("group") if isinstance(data.get("group"), dict) else None
    more = [f"[{data['type']}]", words]
    if group and group.get("count", 1) != 1:
        more.append(f"(x{group['count']})")
    if isinstance(data.get("progress"), (int, float)):
        more.append(f"{data['progress']:.0%}")
    if data.get("action_url"):
        more.append(f"-> {data['action_url']}")
    return " ".join([*more, f"({data.get('topic')})"])


def _marked(data: dict[str, Any]) -> str:
    ids = data.get("ids")
    what = f"up to {data['up_to']}" if data.get("up_to") else f"{len(ids) if isinstance(ids, list) else 0} by id"
    counters = data.get("counters")
    return f"{what}, {counters.get('unread')} unread" if isinstance(counters, dict) else what


def printable(text: str) -> str:
    """Text without control characters, which a terminal would obey: it was written by strangers."""
    return "".join(character if character.isprintable() else " " for character in text)
