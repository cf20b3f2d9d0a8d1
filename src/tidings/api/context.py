"""The context of every handler: the verbs, the transports and the caller's grant."""

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.responses import Response
from websockets.server import ServerProtocol

from tidings.api.http import ApiConnection, ApiRequest, Json, body_of, in_thread_if_large
from tidings.api.metrics import Metrics
from tidings.auth.grants import Grant
from tidings.auth.identity import Identity, Purpose
from tidings.auth.origins import OriginPolicy
from tidings.auth.signed_links import SignedLinks
from tidings.domain.errors import UserChanged
from tidings.domain.ports import Encoding
from tidings.limits.addresses import Proxies
from tidings.services.bodies import Bodies, HeldBody
from tidings.services.call import Call
from tidings.services.services import Services
from tidings.services.write_budgets import scope_of
from tidings.settings import Settings
from tidings.transports.poll import PollContext
from tidings.transports.stream import StreamContext
from tidings.transports.ws_socket import WsContext

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContext:
    """The verbs, the transports and the settings, as handlers use them; identifies callers."""

    services: Services
    identity: Identity
    origins: OriginPolicy
    links: SignedLinks
    settings: Settings
    proxies: Proxies
    bodies: Bodies
    metrics: Metrics
    streaming: StreamContext
    polling: PollContext
    sockets: WsContext
    # Each is shared by all streams of its transport: an event is encoded once for all of them.
    sse: Encoding
    ws: Encoding
    ws_lines: Encoding  # for servers that frame by themselves
    handshakes: ServerProtocol  # one for all: it checks handshakes, and is asked for nothing else

    @property
    def dev_mode(self) -> bool:
        """True in `tidings dev`, where callers name themselves without a credential."""
        return self.settings.mode == "dev"

    async def grant(self, request: ApiConnection, *, purpose: Purpose = Purpose.CALL) -> Grant:
        """Identify the caller. Raises `UserChanged`, `InvalidUser` and what `Identity.of` raises."""
        grant = self.identity.known(request, purpose=purpose)
        if grant is None:
            grant = await self.identity.of(request, purpose=purpose)
        _check_meant(request, grant)
        return grant

    def known_grant(self, request: ApiConnection, *, purpose: Purpose) -> Grant | None:
        """The same if nothing has to be waited for, else None."""
        grant = self.identity.known(request, purpose=purpose)
        if grant is not None:
            _check_meant(request, grant)
        return grant

    async def publisher(self, request: ApiConnection) -> Grant:
        """A caller that may publish: asked before the body is read. Raises `PublishForbidden` too."""
        grant = await self.grant(request)
        grant.may_publish()
        return grant

    async def call(self, request: ApiRequest, grant: Grant, body: bytes = b"") -> Call:
        """The call of a verb, with its Idempotency-Key if it has one."""
        key, address = request.headers.get("idempotency-key"), self._address(request)
        if key is None:
            return Call(grant, address=address)
        fingerprint = await in_thread_if_large(body, lambda: _fingerprint(request, body))
        return Call(grant, address=address, key=key, fingerprint=fingerprint)

    async def body(self, request: ApiRequest, grant: Grant, *, limit: int) -> bytes:
        """The whole body, counted as held in memory until the request is answered.

        Raises `TooLarge`, `UnsupportedEncoding`, and `RateLimited` or `Overloaded` if the caller, or all callers, hold
        as much as they may.
        """
        body = HeldBody(self.bodies, scope_of(grant))
        request.on_end = body.release
        return await body_of(request, limit=limit, hold=body.hold)

    def _address(self, request: ApiRequest) -> str | None:
        """The address that the caller is counted by; None on this machine."""
        peer = request.scope.get("client")
        if self.dev_mode or not peer:
            return None
        return self.proxies.caller(peer[0], request.headers.getlist("x-forwarded-for"))


def answer(call: Call, content: Any, *, status: int = 200) -> Response:
    """The result of a call as JSON; it says if it is that of an earlier call."""
    return Json(content, status_code=status, headers={"idempotent-replayed": "true"} if call.replayed else None)


def _fingerprint(request: ApiRequest, body: bytes) -> str:
    query = sorted(request.query_params.pairs)
    asked = hashlib.blake2b(_encode([request.method, request.url.path, query]) + b"\n", digest_size=16)
    asked.update(body)  # as a second part: it may be too large to be copied
    return asked.hexdigest()


def _check_meant(request: ApiConnection, grant: Grant) -> None:
    """Check that the caller is the user that the request is meant for. Raises `UserChanged`."""
    meant = request.headers.get("tidings-user")
    if meant is not None and unquote(meant) != grant.user:
        raise UserChanged(f"this request is meant for {unquote(meant)[:80]!r}, and its credential is another user's")
