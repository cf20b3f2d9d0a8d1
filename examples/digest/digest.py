"""The text of a daily mail: what a user has not read, unless they are here now."""

from itertools import islice

from tidings import Client


def digest(client: Client, user: str, *, most: int = 20) -> str | None:
    """None: nothing to send. `client` may act for every user, as `tidings.App.sync` may."""
    if client.presence(user)["online"]:
        return None
    unread = list(islice(client.inbox(status="unread", user=user), most))
    if not unread:
        return None
    return "\n".join(f"- {one.get('title') or one['type']}" for one in unread)
