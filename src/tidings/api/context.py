"""The context of every handler: the verbs, the transports and the caller's grant."""

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.responses import Response
from websockets.server import ServerProtocol

from tidings.api.http import ApiConnection, ApiRequest, Json, in_thread_if_large
from tidings.auth.grants import Grant
from tidings.auth.identity import Identity, Purpose
from tidings.auth.origins import OriginPolicy
from tidings.auth.signed_links import SignedLinks
from tidings.domain.errors import UserChanged
from tidings.domain.ports import Encoding
from tidings.services.call import Call
from tidings.services.services import Services
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
        key = request.headers.get("idempotency-key")
        if key is None:
            return Call(grant)
        return Call(grant, key=key, fingerprint=await in_thread_if_large(body, lambda: _fingerprint(request, body)))


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
