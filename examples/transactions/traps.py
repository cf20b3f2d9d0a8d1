"""A like that notifies, four ways. `client` is a `tidings.Client`, or `notifications.sync` of a `tidings.App`."""

from django.db import connection, transaction
from likes.models import Like

from tidings import Client, outbox


def inside(client: Client, post: int) -> None:
    with transaction.atomic():
        Like.objects.create(post=post)
        client.publish(to={"user": "alice"}, title="Bob liked your post")  # a trap: told before it is true
        check(post)


def after(client: Client, post: int) -> None:
    with transaction.atomic():
        Like.objects.create(post=post)
        # A trap: raises into the request while Tidings is away.
        transaction.on_commit(lambda: client.publish(to={"user": "alice"}, title="Bob liked your post"))
        check(post)


def soon(client: Client, post: int) -> None:
    with transaction.atomic():
        Like.objects.create(post=post)
        transaction.on_commit(lambda: client.notify_soon(to={"user": "alice"}, title="Bob liked your post"))
        check(post)


def safe(client: Client, post: int) -> None:
    with transaction.atomic():
        Like.objects.create(post=post)
        outbox.notify(connection, to={"user": "alice"}, title="Bob liked your post")
        check(post)


def check(post: int) -> None:
    """Stand for all that may still fail."""
    if post < 0:
        raise ValueError(post)
