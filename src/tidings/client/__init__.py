"""The Python client. It needs nothing else of Tidings.

Rule 1. Decisions (parsing, resuming, waiting, choosing a transport) are pure and exist once; the blocking and the
        asynchronous client only execute their commands, and the one is generated from the other.
Rule 2. An event is emitted once, in order, whatever breaks; what waiting cannot mend is raised.
Rule 3. A client is imported when it is asked for (PEP 562): a blocking program does not load asyncio's.

    from tidings.client import Client

    with Client("http://127.0.0.1:8000", user="alice") as client:
        for event in client.stream():
            print(event.type, event.data)
"""

from typing import TYPE_CHECKING

from tidings.client.errors import ClientError, NotTidings, TidingsProblem, Unreachable
from tidings.client.types import (
    Content,
    Counters,
    Event,
    Follow,
    Group,
    NewContent,
    NewNotification,
    Notification,
    Page,
    Published,
    Recipients,
    SoonStatus,
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
    "Follow",
    "Group",
    "NewContent",
    "NewNotification",
    "NotTidings",
    "Notification",
    "Page",
    "Published",
    "Recipients",
    "SoonStatus",
    "Status",
    "TidingsProblem",
    "Transport",
    "Unreachable",
    "UserId",
]

if TYPE_CHECKING:
    from tidings.client._async.client import AsyncClient
    from tidings.client._sync.client import Client
else:
    _CLIENTS = {"AsyncClient": "tidings.client._async.client", "Client": "tidings.client._sync.client"}

    def __getattr__(name: str) -> object:
        """A client, imported now."""
        if name not in _CLIENTS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        found = getattr(import_module(_CLIENTS[name]), name)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
