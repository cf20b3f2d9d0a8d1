"""What every handler has at hand: the desk, who is calling, and writing with an Idempotency-Key."""

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response

from tidings.api.http import Connection, Json, Request, in_thread_if_large
from tidings.auth.grants import Grant
from tidings.auth.identity import Identity, Purpose
from tidings.auth.origins import OriginPolicy
from tidings.domain.cursor import Cursor
from tidings.domain.errors import InvalidRequest, KeyInFlight
from tidings.services.store_gateway import START, StartAfter, StoreGateway
from tidings.store.transactions.idempotency import IdempotencyKey, idempotent
from tidings.store.transactions.transaction import Job

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


class ApiContext:
    """Between HTTP and the desk."""

    def __init__(self, gateway: StoreGateway, identity: Identity, *, origins: OriginPolicy, dev_mode: bool) -> None:
        """`dev_mode`: everyone is who they say they are (`tidings dev`)."""
        self.gateway = gateway
        self.origins = origins
        self.dev_mode = dev_mode
        self._identity = identity
        self._in_flight: set[tuple[str, str]] = set()

    async def grant(self, request: Connection, *, purpose: Purpose = Purpose.CALL) -> Grant:
        """Identify the caller. Raises `InvalidUser` and what `Identity.of` raises."""
        return await self._identity.of(request, purpose=purpose)

    async def publisher(self, request: Request) -> Grant:
        """A caller that may publish. Raises `PublishForbidden` too."""
        grant = await self.grant(request)
        grant.may_publish()
        return grant

    def cursor(self, text: str | None) -> StartAfter:
        """A place to start from. Raises `InvalidCursor`."""
        if text is None or text == START:
            return START if text else None
        return Cursor.parse(text)

    async def write(
        self, request: Request, body: bytes, job: Job[T], render: Callable[[T], Any], *, status: int, grant: Grant
    ) -> Response:
        """Do the job once; the same Idempotency-Key and request later get the same answer again.

        Raises `KeyInFlight`, `KeyReused`, `InvalidRequest`.
        """
        name = request.headers.get("idempotency-key")
        if name is None:
            answer = await self.gateway.write(idempotent(job, _body(render), status=status, key=None))
            return Json(answer.body, status_code=answer.status)
        if not name or len(name) > 255 or not name.isprintable():
            raise InvalidRequest("an Idempotency-Key has 1 to 255 visible characters")
        scope = "publisher" if grant.user is None else f"user/{grant.user}"
        if (scope, name) in self._in_flight:
            raise KeyInFlight("a request with this Idempotency-Key is being worked on; try again in a moment")
        self._in_flight.add((scope, name))
        try:
            key = IdempotencyKey(scope, name, await in_thread_if_large(body, lambda: _fingerprint(request, body)))
            answer = await self.gateway.write(idempotent(job, _body(render), status=status, key=key))
        finally:
            self._in_flight.discard((scope, name))
        headers = {"idempotent-replayed": "true"} if answer.replayed else None
        return Json(answer.body, status_code=answer.status, headers=headers)


def _body(render: Callable[[T], Any]) -> Callable[[T], bytes]:
    return lambda result: _encode(render(result))


def _fingerprint(request: Request, body: bytes) -> str:
    query = sorted(request.query_params.pairs)
    asked = hashlib.blake2b(_encode([request.method, request.url.path, query]) + b"\n", digest_size=16)
    asked.update(body)  # as a second part: it may be too large to be copied
    return asked.hexdigest()
