"""Problem details (RFC 9457): an error as the JSON of its answer."""

import msgspec

from tidings.domain.errors import TidingsError

PROBLEMS_PATH = "/problems"  # below the root of the application; a section of it for each code
# Fields of every answer. None of the API is a page: where a browser shows one, it runs nothing, loads nothing, and is
# in no frame.
SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)

_encode = msgspec.json.Encoder().encode


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str


def problem_json(error: TidingsError, *, root: str = "") -> bytes:
    """The body of an answer. `root` is the path that the application is mounted at."""
    kind = type(error)
    return _encode(
        Problem(
            type=f"{root}{PROBLEMS_PATH}#{kind.code}",
            title=kind.title(),
            status=kind.status,
            code=kind.code,
            detail=str(error),
        )
    )
