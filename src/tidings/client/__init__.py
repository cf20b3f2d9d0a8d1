"""The Python client, for itself: it needs nothing else of Tidings.

Rule 1. What decides (parsing, resuming, waiting, stepping down) is pure and exists once; the
        blocking and the asynchronous client only carry out its commands.
Rule 2. An event is given once, in order, whatever breaks; what cannot get better is raised.

    from tidings.client import Client

    with Client("http://127.0.0.1:8000", user="alice") as client:
        for event in client.stream():
            print(event.type, event.data)
"""

from tidings.client.clients import AsyncClient, Client
from tidings.client.errors import ClientError, NotTidings, TidingsProblem, Unreachable
from tidings.client.facts import (
    Content,
    Counters,
    Event,
    NewContent,
    NewNotification,
    Page,
    Published,
    Recipients,
    Status,
    Transport,
    UserId,
)

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "Content",
    "Counters",
    "Event",
    "NewContent",
    "NewNotification",
    "NotTidings",
    "Page",
    "Published",
    "Recipients",
    "Status",
    "TidingsProblem",
    "Transport",
    "Unreachable",
    "UserId",
]
