"""What an operator may choose: one frozen value, read once."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from tidings.domain.errors import InvalidSettings

Mode = Literal["dev", "serve"]
LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting is also an environment variable: `TIDINGS_` and the name in capitals."""

    mode: Mode = "serve"
    host: str = "127.0.0.1"
    port: int = 8000
    db: Path = Path("tidings.db")
    secret: str = ""  # signs and checks tokens (HS256); `serve` needs one of at least 32 characters
    cors_origins: tuple[str, ...] = ()  # pages that may connect: scheme://host[:port]; "*" only without credentials
    cors_credentials: bool = False  # cookies of those pages count
    cors_headers: tuple[str, ...] = ()  # request headers that pages may send beside the usual ones
    hosts: tuple[str, ...] = ()  # names that are answered, exact or *.example.com; none: all (`dev`: this machine's)
    seed: bool = False  # mount the two endpoints under /notification
    exports: Path | None = None  # folder of the seed's workbooks; None: beside the database
    log_level: LogLevel = "info"  # info: start, open, drain, stop; debug: each connection and why it ended, too
    heartbeat: float = 20.0  # seconds; proxies cut what is silent for longer than 25 to 60
    drain: float = 1.0  # seconds that streams are given to hear `goaway` at shutdown
    retry: int = 2000  # milliseconds; what a client waits before it comes back (jittered when the server drains)
    max_connections: int = 100_000
    max_notification: int = 64 * 1024  # bytes of JSON
    max_batch: int = 1000  # rows that one request may become: recipients and topics of its notifications, followers
    max_batch_bytes: int = 32 * 1024 * 1024
    group_window: float = 12 * 3600.0  # seconds within which notifications of a group_key merge
    counter_cap: int = 1000
    retention_age: float = 7 * 24 * 3600.0  # seconds; events
    retention_rows: int = 1_000_000  # events
    inbox_age: float = 90 * 24 * 3600.0  # seconds; notifications and the seed's workbooks

    def __post_init__(self) -> None:
        if not self.host:
            raise ValueError("host is an address or a name; 0.0.0.0 is all of them")
        if self.cors_credentials and "*" in self.cors_origins:
            raise ValueError("cors_credentials needs named origins, not *")
        for origin in self.cors_origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(f"cors_origins takes * or scheme://host[:port], with commas between, not {origin!r}")
        for name in self.hosts:
            if not _HOST.fullmatch(name):
                raise ValueError(f"hosts takes names or *.names without a port, with commas between, not {name!r}")
        for name in self.cors_headers:
            if not _FIELD_NAME.fullmatch(name):
                raise ValueError(f"cors_headers takes names of header fields, with commas between, not {name!r}")
        for name, (least, most) in BOUNDS.items():
            if not least <= getattr(self, name) <= most:  # nan is not
                raise ValueError(_bounds(name))
        if self.mode == "serve" and len(self.secret) < 32:
            raise ValueError(
                "secret must have at least 32 characters (TIDINGS_SECRET); `tidings token --new-secret` makes one"
            )

    def masked(self) -> dict[str, str]:
        """Every setting as text for a log, without what is secret in it: of a secret only whether there is one."""
        shown = {name: _PASSWORD.sub(r"\1***", str(getattr(self, name))) for name in self.__struct_fields__}
        return {name: "***" if text and _SECRET.search(name) else text for name, text in shown.items()}


_SECRET = re.compile(r"secret|password|_key|_token")  # the names of settings that are credentials
_PASSWORD = re.compile(r"(?<=:/)(/?)[^/@\s]+(?=@)")  # user and password in a URL (of whose slashes a path keeps one)

_LONG = 100 * 365 * 24 * 3600  # seconds; what is to be kept for ever may be kept for a hundred years
_MANY = 1_000_000_000
BOUNDS: Mapping[str, tuple[float, float]] = {
    "port": (0, 65535), "heartbeat": (0.1, 60), "drain": (0, 3600), "retry": (1, 24 * 3600 * 1000),
    "max_connections": (1, _MANY), "max_notification": (1, _MANY), "max_batch": (1, _MANY),
    "max_batch_bytes": (1, _MANY), "group_window": (0, _LONG), "counter_cap": (1, _MANY),
    "retention_age": (0, _LONG), "retention_rows": (1, _MANY), "inbox_age": (0, _LONG),
}  # fmt: skip

# What a browser calls an origin (WHATWG HTML, "serialization of an origin"): no path, no default port.
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]")
_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, section 5.1
_LISTS = {"cors_origins", "cors_headers", "hosts"}  # settings with commas between
_USUAL_PORT = {"http": ":80", "https": ":443"}

_FIELD = re.compile(r"`\$\.(\w+)`$")  # where msgspec says that it found what it did not expect


def _bounds(name: str) -> str:
    least, most = BOUNDS[name]
    whole = "a whole number " if Settings.__annotations__[name] is int else ""
    return f"{name} must be {whole}between {least} and {most}"


def _origin(text: str) -> str:
    """As a browser would write it, where that is plain."""
    text = text.strip().removesuffix("/")
    scheme, _, rest = text.partition("://")
    scheme = scheme.lower()
    return f"{scheme}://{rest.lower().removesuffix(_USUAL_PORT[scheme])}" if scheme in _USUAL_PORT and rest else text


def _value(field: str, text: str) -> str | list[str]:
    """What the text of an environment variable stands for."""
    if field in _LISTS:
        clean = _origin if field == "cors_origins" else str.strip
        return [clean(one) for one in text.split(",") if one.strip()]
    return text.lower() if field == "log_level" else text


def load(chosen: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment, with what was chosen on the command line on top. Raises `InvalidSettings`."""
    found: dict[str, Any] = {}
    for field in Settings.__struct_fields__:
        text = environ.get(f"TIDINGS_{field.upper()}")
        if text is not None:
            found[field] = _value(field, text)
    found.update({name: value for name, value in chosen.items() if value is not None})
    try:
        return msgspec.convert(found, Settings, strict=False, dec_hook=lambda type, value: type(value))
    except msgspec.ValidationError as error:
        place = _FIELD.search(str(error))
        name = place[1] if place else ""
        raise InvalidSettings(f"settings: {_bounds(name) if name in BOUNDS else error}") from error
