"""The settings of an operator: one frozen value, read once (`configuration` says from where)."""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tidings.domain.notification import EVENT_MAX

Mode = Literal["dev", "serve"]
LogLevel = Literal["debug", "info", "warning", "error"]
UserIds = Literal["plain", "hashed"]


class PostgresUrl(str):
    """The address of a PostgreSQL database: `postgresql://user:password@host[:port][,host...]/database[?option=...]`."""

    __slots__ = ()


if TYPE_CHECKING:
    Database = Path | PostgresUrl
else:
    Database = object  # msgspec takes no union of types that it does not know


def database(text: str) -> Database:
    """Where the log is: `postgresql://...`, or a file as `sqlite:///relative`, `sqlite:////absolute` or a bare path.

    As SQLAlchemy has it, what follows the third slash is the path. Raises `ValueError`.
    """
    scheme, colon, rest = text.partition("://")
    if colon and scheme in {"postgresql", "postgres"}:
        return PostgresUrl(text)
    if not colon and not text.startswith("sqlite:"):
        path = text
    elif scheme == "sqlite" and rest.startswith("/"):
        path = rest[1:]
    else:
        name = scheme.partition(":")[0]
        raise ValueError(
            f"db is a file, as a path or sqlite:///path, or postgresql://...; {name}: databases are not supported"
        )
    if not path:
        raise ValueError("db is a file, as a path or sqlite:///path, or postgresql://...; that has no path")
    return Path(path)


class WorkerPlace(msgspec.Struct, frozen=True, kw_only=True):
    """One of the processes that serve together on a machine, as their supervisor names it."""

    number: int  # from 1; the successor of a worker has the same
    count: int  # of workers
    generation: int  # of this process, among all that the supervisor started
    folder: Path  # of these workers alone: their sockets, and the lock by which they take turns to write

    @property
    def name(self) -> str:
        """A name that no other process has; a successor's is greater."""
        return f"{self.number:04}-{self.generation:09}"

    @staticmethod
    def number_in(name: str) -> int:
        """The worker's number in such a name."""
        return int(name.partition("-")[0])


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting is also an environment variable: `TIDINGS_` and the name in capitals."""

    mode: Mode = "serve"
    host: str = "127.0.0.1"
    port: int = 8000
    admin_address: str = ""  # host:port of a second listener, for operators: /metrics and the like are there alone
    db: Database = Path("tidings.db")  # given as a path, as sqlite:///path, or as postgresql://... (`database`)
    workers: int = 1  # processes that serve; `tidings serve` only
    bus: str = ""  # how servers on one PostgreSQL wake each other: redis://..., postgresql://..., none; "": through db
    secret: str = ""  # checks tokens (HS256); several, one a line: the first signs, too. At least 32 characters each
    token_keys: str = ""  # public keys in PEM that check tokens: RSA (RS256), P-256 (ES256), Ed25519 (EdDSA)
    jwks_url: str = ""  # a key set (RFC 7517) that checks tokens
    auth_url: str = ""  # asks the application's own session who a caller is, in place of tokens
    token_audience: tuple[str, ...] = ()  # `aud` of tokens must be one of them; none: a token must have no `aud`
    token_issuer: str = ""  # `iss` of tokens must be this, if given
    token_type: str = "JWT"  # `typ` of tokens must be this
    token_max_age: float = 24 * 3600.0  # seconds from now that a token may be good for
    topics_claim: str = "topics"  # the claim of a token with the topics that it may read
    cors_origins: tuple[str, ...] = ()  # pages that may connect: scheme://host[:port]; "*" only without credentials
    cors_credentials: bool = False  # cookies of those pages count
    cors_headers: tuple[str, ...] = ()  # request headers that pages may send beside the usual ones
    hosts: tuple[str, ...] = ()  # names that are answered, exact or *.example.com; none: all (`dev`: this machine's)
    public_url: str = ""  # where browsers reach this server, for links in notifications; else as the request had it
    seed: bool = False  # mount the two endpoints under /notification
    exports: Path | None = None  # folder of the seed's workbooks; None: beside the database
    log_level: LogLevel = "info"  # info: start, open, drain, stop; debug: each connection and why it ended, too
    heartbeat: float = 20.0  # seconds; proxies cut what is silent for longer than 25 to 60
    drain_seconds: float = 0.0  # over which streams are told to leave at shutdown, /readyz first; 0: all at once
    retry: int = 2000  # milliseconds; what a client waits before it comes back (jittered when the server drains)
    max_connections: int = 100_000  # streams; a tenth and a hundred more sockets are accepted
    max_address_connections: int = (
        2000  # of an address, IPv6 by /64, proxies and this machine aside; 0: any, as in `dev`
    )
    proxies: tuple[str, ...] = ("127.0.0.0/8", "::1")  # addresses or networks whose X-Forwarded-For is believed
    max_user_streams: int = 32  # streams and waiting polls of one user on a process; `dev`: 10 000 unless given
    user_writes: float = 20.0  # marks, follows, preferences a user may make a second, for ever; 0: any, as in `dev`
    user_writes_burst: int = 500  # and at once
    publisher_writes: float = (
        5000.0  # rows (see max_batch) that a key may become a second, for ever; 0: any, as in `dev`
    )
    publisher_writes_burst: int = 100_000  # and at once
    user_writer: float = 0.1  # seconds of the writer that a user's writes may take a second, for ever; 0: any
    user_writer_burst: float = 5.0  # and at once
    publisher_writer: float = 0.8  # the same of a key; 0: any
    publisher_writer_burst: float = 60.0  # and at once
    address_writer: float = 0.8  # the same of an address, IPv6 by /64, for all callers there; 0: any
    address_writer_burst: float = 60.0  # and at once
    user_disk: float = 50e6  # bytes of events that a user's acts may become a day; 0: any
    publisher_disk: float = 20e9  # bytes of events that a key's notifications may become a day; 0: any
    body_bytes: float = 256e6  # of bodies that are held in memory; 0: any
    caller_body_bytes: float = 64e6  # of one caller's; 0: any
    local_allowance: float = 10.0  # times more that callers on this machine, for whom no proxy speaks, may write
    user_replay_bytes: float = 4e6  # of events that a user may read again from the database a second, for ever; 0: any
    user_replay_bytes_burst: int = 128_000_000  # and at once
    log_user_ids: UserIds = "plain"  # hashed: with the secret, so that those of one user can still be told together
    max_event: int = EVENT_MAX  # bytes of a notification as an event, envelope and grouping included: several readers
    # take no more in one line or message (Go's Scanner 64 KiB, coder/websocket 32 KiB), and would ask for it for ever
    max_batch: int = 1000  # rows that one request may become: recipients and topics of its notifications, followers
    max_batch_bytes: int = 32 * 1024 * 1024
    group_window: float = 12 * 3600.0  # seconds within which notifications of a group_key merge
    counter_cap: int = 1000
    retention_age: float = 7 * 24 * 3600.0  # seconds; events
    retention_rows: int = 1_000_000  # events that publishers sent
    retention_user_rows: int = 10_000_000  # events that users caused: marks, follows, preferences
    retention_bytes: float = 10e9  # of all events
    inbox_age: float = 90 * 24 * 3600.0  # seconds; notifications and the seed's workbooks

    def __post_init__(self) -> None:
        if self.bus not in {"", "none"} and not _BUS.match(self.bus):
            raise ValueError("bus is redis://..., rediss://..., unix://..., postgresql://... or none")
        if self.bus not in {"", "none"} and not isinstance(self.db, PostgresUrl):
            raise ValueError("bus is for several servers, whose db is postgresql://...; one on a file needs none")
        if not self.host:
            raise ValueError("host is an address or a name; 0.0.0.0 is all of them")
        if self.admin_address and not _ADDRESS.fullmatch(self.admin_address):
            raise ValueError("admin_address is host:port, as 127.0.0.1:9000 or [::1]:9000")
        if self.cors_credentials and "*" in self.cors_origins:
            raise ValueError("cors_credentials needs named origins, not *")
        for origin in self.cors_origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(f"cors_origins takes * or scheme://host[:port], with commas between, not {origin!r}")
        for name in self.hosts:
            if not _HOST.fullmatch(name):
                raise ValueError(f"hosts takes names or *.names without a port, with commas between, not {name!r}")
        for network in self.proxies:
            try:
                ip_network(network)
            except ValueError as error:
                raise ValueError(f"proxies takes addresses and networks, with commas between; {error}") from error
        for name in self.cors_headers:
            if not _FIELD_NAME.fullmatch(name):
                raise ValueError(f"cors_headers takes names of header fields, with commas between, not {name!r}")
        for name, (least, most) in BOUNDS.items():
            if not least <= getattr(self, name) <= most:  # nan is not
                raise ValueError(bounds_of(name))
        for secret in filter(None, map(str.strip, self.secret.splitlines())):
            _check_secret(secret)
        if self.jwks_url and not _URL.match(self.jwks_url):
            raise ValueError("jwks_url is https://..., or http:// on this machine")
        if self.auth_url and not _HTTP_URL.match(self.auth_url):
            raise ValueError("auth_url is https://..., or http://... in a network of your own")
        if self.auth_url and (self.token_keys or self.jwks_url):
            raise ValueError("auth_url asks the application who a caller is; with it no token is checked: take one way")
        if self.mode == "serve" and not (self.secret or self.token_keys or self.jwks_url or self.auth_url):
            raise ValueError(
                "secret must have at least 32 characters (TIDINGS_SECRET or TIDINGS_SECRET_FILE); "
                "`tidings token --new-secret` makes one"
            )

    def masked(self) -> dict[str, str]:
        """Every setting as text for a log, without what is secret in it: of a secret only whether there is one."""
        shown = {name: _PASSWORD.sub(r"\g<kept>***", str(getattr(self, name))) for name in self.__struct_fields__}
        return {name: "***" if text and _SECRET.search(name) else text for name, text in shown.items()}


_SECRET = re.compile(r"secret|password|_key|_token")  # the names of settings that are credentials
# User and password in a URL (of whose slashes a path keeps one), or the password in its query.
_PASSWORD = re.compile(r"(?P<kept>:/{1,2})[^/@\s]+(?=@)|(?<=password=)[^&\s]+")

SECRET_MIN = 32  # characters
_DISTINCT = 8  # different ones: less is a habit and no secret

_LONG = 100 * 365 * 24 * 3600  # seconds; what is to be kept for ever may be kept for a hundred years
_MANY = 1_000_000_000
_MUCH = 1e15  # bytes
EVENT_BOUND = 1024 * 1024  # bytes; the readers of our clients end at 8 MiB
BOUNDS: Mapping[str, tuple[float, float]] = {
    "port": (0, 65535), "workers": (1, 64),
    "heartbeat": (0.1, 60), "drain_seconds": (0, 3600), "retry": (1, 24 * 3600 * 1000),
    "max_connections": (1, _MANY), "max_address_connections": (0, _MANY), "max_user_streams": (1, _MANY),
    "user_writes": (0, _MANY),
    "user_writes_burst": (1, _MANY), "user_replay_bytes": (0, _MANY), "user_replay_bytes_burst": (1, _MANY),
    "publisher_writes": (0, _MANY), "publisher_writes_burst": (1, _MANY), "user_writer": (0, _MANY),
    "user_writer_burst": (0.001, _MANY), "publisher_writer": (0, _MANY), "publisher_writer_burst": (0.001, _MANY),
    "address_writer": (0, _MANY), "address_writer_burst": (0.001, _MANY), "user_disk": (0, _MUCH),
    "publisher_disk": (0, _MUCH), "body_bytes": (0, _MUCH), "caller_body_bytes": (0, _MUCH),
    "local_allowance": (1, _MANY), "max_event": (1024, EVENT_BOUND),
    "max_batch": (1, _MANY), "max_batch_bytes": (1, _MANY), "group_window": (0, _LONG), "counter_cap": (1, _MANY),
    "token_max_age": (1, _LONG), "retention_age": (0, _LONG), "retention_rows": (1, _MANY),
    "retention_user_rows": (1, _MANY), "retention_bytes": (1, _MUCH), "inbox_age": (0, _LONG),
}  # fmt: skip

# An origin as a browser writes it (WHATWG HTML, "serialization of an origin"): no path, no default port.
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]")
_ADDRESS = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})")
_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, section 5.1
_HTTP_URL = re.compile(r"https?://[^/]")
_URL = re.compile(r"https://[^/]|http://(localhost|127\.\d+\.\d+\.\d+|\[::1\])[:/]")
LISTS = frozenset(
    {"cors_origins", "proxies", "cors_headers", "hosts", "token_audience"}
)  # with commas between, in one text
_BUS = re.compile(r"(rediss?|unix|postgres(ql)?)://.")
_USUAL_PORT = {"http": ":80", "https": ":443"}


def _check_secret(secret: str) -> None:
    """Raises `ValueError` that does not show it."""
    if len(secret) < SECRET_MIN:
        raise ValueError(
            f"secret must have at least {SECRET_MIN} characters (TIDINGS_SECRET or TIDINGS_SECRET_FILE); "
            "`tidings token --new-secret` makes one"
        )
    if len(set(secret)) < _DISTINCT:
        raise ValueError("secret is weak: `tidings token --new-secret` makes one that is not")
    if "-----BEGIN" in secret:
        raise ValueError("secret is a PEM key; public keys are token_keys (TIDINGS_TOKEN_KEYS_FILE)")


def bounds_of(name: str) -> str:
    """The bounds of a numeric setting, in words."""
    least, most = BOUNDS[name]
    whole = "a whole number " if Settings.__annotations__[name] is int else ""
    return f"{name} must be {whole}between {least} and {most}"


def _origin(text: str) -> str:
    """As a browser would write it, where that is plain."""
    text = text.strip().removesuffix("/")
    scheme, _, rest = text.partition("://")
    scheme = scheme.lower()
    return f"{scheme}://{rest.lower().removesuffix(_USUAL_PORT[scheme])}" if scheme in _USUAL_PORT and rest else text


def value_of(name: str, said: Any) -> Any:
    """A setting from its text: lists have commas between. Other types stay as they are."""
    if name not in LISTS:
        return said.lower() if name == "log_level" and isinstance(said, str) else said
    clean = _origin if name == "cors_origins" else str.strip
    parts = [one for one in said.split(",") if one.strip()] if isinstance(said, str) else said
    return [clean(one) if isinstance(one, str) else one for one in parts] if isinstance(parts, list) else said
