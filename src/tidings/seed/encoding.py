"""The stream of the first endpoint: unnamed server-sent events, each a line of its notification log."""

from typing import Any

import msgspec

from tidings.domain.model import CREATED, Event
from tidings.domain.ports import CursorOf
from tidings.domain.topics import User
from tidings.transports.sse import SseEncoding, frame, retry_field


class _Created(msgspec.Struct):
    type: str
    create_time: str
    title: str | None = None
    body: str | None = None
    progress: float | None = None


_decode = msgspec.json.Decoder(_Created).decode
_encode = msgspec.json.Encoder().encode


class SeedEncoding(SseEncoding):
    """Events of creation only: a client of the seed knows neither changes nor progress.

    Each message names whom it reaches, so what reaches many is encoded for each of them.
    """

    transport = "seed"
    shared = False

    def __init__(self, cursor: CursorOf, *, user: User) -> None:
        super().__init__(cursor)
        self._user = user

    def event(self, event: Event) -> bytes:
        if event.type != CREATED:
            return b""
        created = _decode(event.data)
        if created.progress is not None:
            return b""
        return frame(_encode(entry(created, user=self._user)), id=str(self.cursor(event.seq)))

    def control(self, type: str, data: bytes, *, id: str | None = None, retry: int | None = None) -> bytes:
        if type == "reset":  # a named event: the seed's clients do not hear it, others are not left without a word
            return super().control(type, data, id=id, retry=retry)
        return retry_field(retry) if retry is not None else b""


def entry(created: Any, *, user: str) -> dict[str, str]:
    """The seed's `NotificationLog`. `creat_time` is spelled as it was."""
    return {
        "message_body": created.body or created.title or "",
        "user_email": user,
        "type": created.type,
        "status": "UNREAD",
        "creat_time": created.create_time,
    }
