"""Holds notifications back at night, in the time zone of the person they are for."""

import json
import sqlite3
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tidings import Client

FROM, TO = time(22), time(7)
TABLE = "CREATE TABLE IF NOT EXISTS held_back (id INTEGER PRIMARY KEY, due REAL NOT NULL, notification TEXT NOT NULL)"


def due(now: datetime, zone: ZoneInfo) -> datetime:
    """Now, or the end of the night if it is night there."""
    there = now.astimezone(zone)
    if TO <= there.time() < FROM:
        return now
    day = there.date() + timedelta(days=there.time() >= FROM)
    return datetime.combine(day, TO, zone)


def hold_back(db: sqlite3.Connection, when: datetime, notification: dict[str, Any]) -> None:
    """In the transaction of what happened."""
    row = (when.timestamp(), json.dumps(notification))
    db.execute("INSERT INTO held_back (due, notification) VALUES (?, ?)", row)


def publish_due(db: sqlite3.Connection, client: Client, now: datetime) -> int:
    """A job, once a minute. Returns how many were published."""
    rows = db.execute("SELECT id, notification FROM held_back WHERE due <= ? ORDER BY id", [now.timestamp()]).fetchall()
    for id, notification in rows:
        client.publish(**json.loads(notification), idempotency_key=f"held-back-{id}")
        db.execute("DELETE FROM held_back WHERE id = ?", [id])
        db.commit()
    return len(rows)
