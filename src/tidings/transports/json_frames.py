"""An event as one JSON object: what a WebSocket and a poll carry."""

from tidings.domain.cursor import Cursor
from tidings.domain.model import Event


def event_json(event: Event, cursor: Cursor) -> bytes:
    """`{"id", "type", "data"}`. Contains no line break: the data is compact JSON, and nothing else could."""
    return b'{"id":"%b","type":"%b","data":%b}' % (
        str(cursor).encode(),
        event.type.encode(),
        event.data,
    )


def control_json(type: str, data: bytes, id: str | None) -> bytes:
    """The same for what is not in the log; most of that has no id."""
    if id is None:
        return b'{"type":"%b","data":%b}' % (type.encode(), data)
    return b'{"id":"%b","type":"%b","data":%b}' % (id.encode(), type.encode(), data)
