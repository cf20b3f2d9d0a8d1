"""Pusher's `trigger`, on a Tidings client."""

from typing import Any

from tidings import Client


def trigger(client: Client, channels: str | list[str], event: str, data: Any) -> None:
    """Publish an event to each channel: `private-user-<id>` is a person, any other name a topic."""
    for channel in [channels] if isinstance(channels, str) else channels:
        user = channel.removeprefix("private-user-")
        if user != channel:
            client.publish(to={"user": user}, type=event, data=data)
        else:
            client.publish(to={"topic": channel}, type=event, data=data)
