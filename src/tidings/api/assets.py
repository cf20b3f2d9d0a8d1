"""Files for browsers, from memory: the client under a path of its own version, which is kept for ever."""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import tidings
from tidings.api.http import if_none_match, route
from tidings.domain.errors import NotFound

FOR_EVER = "public, max-age=31536000, immutable"  # RFC 8246: not even asked about at a reload
# A worker is bound by the policy of its script's response, not by its page's: it imports chunks and reaches servers.
POLICY = "default-src 'none'; script-src 'self'; connect-src *; frame-ancestors 'none'"
REVALIDATE = "no-cache"  # keep it, but ask whether it is still the same

# Said here and not looked up: what the system's table says differs from machine to machine, and a module
# that is not called text/javascript does not run.
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
_NO = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")  # RFC 9110, section 12.4.2: a weight of nothing means "not this"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file, and the same file compressed once, at gzip's best level, instead of for each request."""

    media_type: str
    body: bytes
    packed: bytes
    tag: str  # of the content, without quotes

    @classmethod
    def of(cls, name: str, body: bytes) -> "Asset":
        """The suffix of `name` says what it is."""
        return cls(
            media_type=_TYPES.get(PurePosixPath(name).suffix, "application/octet-stream"),
            body=body,
            packed=gzip.compress(body, compresslevel=9, mtime=0),
            tag=hashlib.blake2b(body, digest_size=12).hexdigest(),
        )

    def answer(self, request: Request, *, cache: str, headers: Mapping[str, str] | None = None) -> Response:
        """This file, compressed if the client accepts gzip; 304 if the client has it."""
        packed = takes_gzip(request.headers.get("accept-encoding", ""))
        tag = f'"{self.tag}-gzip"' if packed else f'"{self.tag}"'
        said = {"cache-control": cache, "etag": tag, "vary": "Accept-Encoding", **(headers or {})}
        if if_none_match(request, tag):
            return Response(status_code=304, headers=said)
        said |= {"content-type": self.media_type, "x-content-type-options": "nosniff"}
        if packed:
            return Response(self.packed, headers=said | {"content-encoding": "gzip"})
        return Response(self.body, headers=said)


class ClientModules:
    """The browser's client, bundled and minified, and the version of its paths."""

    def __init__(self, modules: Mapping[str, bytes], *, version: str) -> None:
        """`modules` by path, `version` of the package. A difference of one byte gives another path."""
        content = hashlib.blake2b(digest_size=6)
        for name in sorted(modules):
            content.update(b"%d %b %d " % (len(name.encode()), name.encode(), len(modules[name])) + modules[name])
        self.version = f"{version}-{content.hexdigest()}"
        self._assets = {name: Asset.of(name, body) for name, body in modules.items()}

    @classmethod
    def shipped(cls) -> "ClientModules":
        """The modules that are in this package."""
        return cls(read(files("tidings") / "js"), version=tidings.__version__)

    @property
    def path(self) -> str:
        """The path of this version's modules."""
        return f"/js/{self.version}"

    def routes(self) -> list[Route]:
        """`/js/<version>/<module>`, and `/js/<module>`, which leads there."""
        return [route("/js/{path:path}", self._answer, "GET")]

    async def _answer(self, request: Request) -> Response:
        path: str = request.path_params["path"]
        version, _, name = path.partition("/")
        # Any page may load it: it is the same for everyone, and says nothing about anyone.
        public = {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
        if version == self.version and name in self._assets:
            return self._assets[name].answer(
                request, cache=FOR_EVER, headers=public | {"content-security-policy": POLICY}
            )
        if path in self._assets:
            # Relative, so that it holds behind a proxy that serves us under a path. There are no folders in it.
            there = f"{self.version}/{path}"
            return Response(status_code=302, headers=public | {"location": there, "cache-control": REVALIDATE})
        raise NotFound(f"there is no /js/{path[:200]} in version {self.version}")


def read(folder: Traversable, *, below: str = "") -> dict[str, bytes]:
    """Every file in a folder and its folders, by its path there."""
    found: dict[str, bytes] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= read(entry, below=f"{below}{entry.name}/")
        else:
            found[below + entry.name] = entry.read_bytes()
    return found


def takes_gzip(accept: str) -> bool:
    """Does an `Accept-Encoding` take gzip? (RFC 9110, section 12.5.3)"""
    weights = {}
    for part in accept.lower().split(","):
        coding, _, weight = part.partition(";")
        weights[coding.strip()] = weight
    asked = weights.get("gzip", weights.get("*"))
    return asked is not None and not _NO.fullmatch(asked)
