"""Writing a notification into the outbox, on a connection of any of the usual libraries."""

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tidings.outbox.schema import TABLE

_INSERT = f"INSERT INTO {TABLE} (id, notification) VALUES "


def notify(connection: Any, *, to: Mapping[str, Any], **content: Any) -> str:
    """Write a notification in the transaction of `connection`, and return the id of its row.

    `connection` is one of sqlite3 or psycopg, an SQLAlchemy Connection or Session, or a Django connection
    (`django.db.connection`). `to` and the content are those of `Client.publish`.

    Raises TypeError for another connection or a value that JSON does not have; what the connection raises.
    """
    id, text = _row(to, content)
    library = _library(connection)
    if library == "sqlite3":
        connection.execute(_INSERT + "(?, ?)", (id, text))
    elif library == "psycopg":
        connection.execute(_INSERT + "(%s, %s)", (id, text))
    elif library == "sqlalchemy":
        connection.execute(*_for_sqlalchemy(id, text))
    elif library == "django":
        with connection.cursor() as cursor:
            cursor.execute(_INSERT + "(%s, %s)", [id, text])
    else:
        raise TypeError(f"the outbox does not know this connection: {type(connection)!r}")
    return id


async def notify_async(connection: Any, *, to: Mapping[str, Any], **content: Any) -> str:
    """The same on a connection of asyncpg, psycopg's AsyncConnection, SQLAlchemy's AsyncConnection or AsyncSession."""
    id, text = _row(to, content)
    library = _library(connection)
    if library == "asyncpg":
        await connection.execute(_INSERT + "($1, $2)", id, text)
    elif library == "psycopg":
        await connection.execute(_INSERT + "(%s, %s)", (id, text))
    elif library == "sqlalchemy":
        await connection.execute(*_for_sqlalchemy(id, text))
    else:
        raise TypeError(f"the outbox does not know this connection: {type(connection)!r}")
    return id


def _library(connection: Any) -> str:
    """The library that a connection is of, by its classes: a pool's proxy or a subclass is one, too."""
    names = [kind.__module__.partition(".")[0] for kind in type(connection).__mro__]
    for name in ("sqlite3", "psycopg", "sqlalchemy", "asyncpg", "django"):
        if name in names:
            return name
    if hasattr(connection, "vendor") and hasattr(connection, "cursor"):  # django.db.connection is a proxy
        return "django"
    return names[0]


def _for_sqlalchemy(id: str, text: str) -> tuple[Any, dict[str, str]]:
    from sqlalchemy import text as clause  # the application's own

    return clause(_INSERT + "(:id, :notification)"), {"id": id, "notification": text}


def _row(to: Mapping[str, Any], content: Mapping[str, Any]) -> tuple[str, str]:
    if not isinstance(to, Mapping):
        raise TypeError(f"to is {{'user': ..}}, {{'users': [..]}}, {{'topic': ..}} or {{'all': True}}, not {to!r:.80}")
    return uuid.uuid4().hex, json.dumps({**content, "to": dict(to)}, default=_time)


def _time(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"JSON has no {type(value).__name__}: {value!r:.80}")
