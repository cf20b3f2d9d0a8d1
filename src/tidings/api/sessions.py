"""Sessions: a token in a cookie that no script of a page can read. And the revocation of credentials."""

import time
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from tidings.api import schemas
from tidings.api.context import ApiContext, answer
from tidings.api.http import ApiRequest
from tidings.api.operation import NO_CONTENT_ANSWER, Answer, Body, operation
from tidings.auth.credentials import Kind, cookie_names, find_credential
from tidings.domain.errors import InvalidRequest, NotIdentified
from tidings.domain.results import Revoked
from tidings.domain.topics import parse_user

TAG = "Sessions"
SESSION_BODY_MAX = 4 * 1024  # bytes
COOKIE_MAX = 3800  # bytes of a token: browsers keep 4096 of a cookie with its name and attributes


class Revocation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user whose credentials are to be revoked, or the id of one token."""

    user: schemas.UserText | None = None
    jti: Annotated[str, Meta(min_length=1)] | None = None


RevocationBody = Annotated[Revocation, schemas.One]

_revocation = msgspec.json.Decoder(Revocation)


@operation("POST", "/v1/session", id="logIn", tag=TAG, answers=NO_CONTENT_ANSWER)
async def log_in(request: ApiRequest, api: ApiContext) -> Response:
    """Put the token of the Authorization header into a cookie.

    The cookie is `__Host-tidings_token` (on this machine `tidings_token`): no script reads it, no other host gets it,
    and it ends with the token.
    """
    if api.settings.auth_url:
        raise InvalidRequest("the application's own session counts here; it begins and ends there")
    grant = await api.grant(request)
    grant.me()
    credential = find_credential(request.scope["headers"], request.scope["query_string"])
    if credential is None or credential.kind is not Kind.BEARER:
        raise NotIdentified("a session begins with a token in the Authorization header")
    if len(credential.value) > COOKIE_MAX:
        raise InvalidRequest(f"browsers keep no cookie of this size; the token may have {COOKIE_MAX} bytes")
    age = max(0, grant.expires - int(time.time()))
    return _with_cookie(request, api, credential.value, age=age)


@operation("DELETE", "/v1/session", id="logOut", tag=TAG, answers=NO_CONTENT_ANSWER, public=True)
async def log_out(request: ApiRequest, api: ApiContext) -> Response:
    """Take the cookie away. The token itself stays valid: revoke it to end it everywhere."""
    if request.headers.get("cookie") is not None:
        api.origins.check_ambient(request.headers)
    return _with_cookie(request, api, "", age=0)


@operation(
    "POST",
    "/v1/revocations",
    id="revoke",
    tag=TAG,
    admin=True,
    idempotent=True,
    body=Body(type=RevocationBody, example={"user": "alice"}),
    answers={
        200: Answer(description="Revoked, on every process.", type=Revoked, example={"cursor": "4kq7x2mf-17"}),
    },
)
async def revoke(request: ApiRequest, api: ApiContext) -> Response:
    """Revoke all that a user was issued up to this second, or one token by its `jti`.

    A token without `iat` counts as older. Streams that were opened with what is revoked end; the user's others stay.
    """
    grant = await api.publisher(request)
    body = await api.body(request, grant, limit=SESSION_BODY_MAX)
    asked = schemas.parse(_revocation, body)
    call = await api.call(request, grant, body)
    user = None if asked.user is None else parse_user(asked.user)
    return answer(call, await api.services.revocations.revoke(call, user=user, token_id=asked.jti))


def _with_cookie(request: ApiRequest, api: ApiContext, value: str, *, age: int) -> Response:
    name = cookie_names(request.headers.get("host", ""))[0]
    # A front end of another site gets it only where its origin is listed and its cookies count.
    same_site = "None" if api.settings.cors_credentials and name.startswith("__Host-") else "Lax"
    secure = "; Secure" if name.startswith("__Host-") else ""
    cookie = f"{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite={same_site}{secure}"
    return Response(status_code=204, headers={"set-cookie": cookie, "cache-control": "private, no-store"})


OPERATIONS = (log_in, log_out, revoke)
