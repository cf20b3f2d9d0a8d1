"""django-eventstream's `send_event`, on a Tidings client: `notifications.sync` of a `tidings.App`, or a `Client`."""

from typing import Any

from tidings import Client


def send_event(client: Client, channel: str, event_type: str, data: Any) -> str:
    """Publish to a channel's followers, `user-7` being user 7. Returns the id of the notification."""
    kind, _, name = channel.partition("-")
    if kind == "user":
        return client.publish(to={"user": name}, type=event_type, data=data)["id"]
    return client.publish(to={"topic": f"{kind}/{name}"}, type=event_type, data=data)["id"]
