"""The routes of the pages."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tidings.api.assets import REVALIDATE, Asset, ClientModules, read
from tidings.api.http import Json, route
from tidings.demo.api_docs import api_docs
from tidings.domain.errors import NotFound

PAGES = {"/": "index.html", "/lab": "lab.html", "/social": "social.html"}

PAGE_HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}


def pages(client: ClientModules) -> list[Route]:
    """The pages, and their parts under `/demo`. They load this client."""
    assets = {
        name: Asset.of(name, _versioned(body, client)) for name, body in read(files(__package__) / "site").items()
    }

    def answer(request: Request, name: str) -> Response:
        return assets[name].answer(request, cache=REVALIDATE, headers=PAGE_HEADERS)

    def page(path: str, name: str) -> Route:
        async def show(request: Request) -> Response:
            return answer(request, name)

        return route(path, show, "GET")

    async def part(request: Request) -> Response:
        name: str = request.path_params["name"]
        if name not in assets:
            raise NotFound(f"there is no /demo/{name[:200]}")
        return answer(request, name)

    async def head(request: Request) -> Response:
        return Json({"bytes": head_size(request)}, headers={"cache-control": "no-store"})

    return [
        *(page(path, name) for path, name in PAGES.items()),
        route("/demo/head", head, "GET"),
        route("/demo/{name:path}", part, "GET"),
        *api_docs(),
    ]


def head_size(request: Request) -> int:
    """Bytes of a request's head as HTTP/1.1 writes it (RFC 9112): a browser does not tell its pages what it sends."""
    line = f"{request.method} {request.url.path}{'?' * bool(request.url.query)}{request.url.query} HTTP/1.1"
    lines = [line.encode(), *(b"%b: %b" % header for header in request.headers.raw), b""]
    return sum(len(line) + len("\r\n") for line in lines)


def _versioned(body: bytes, client: ClientModules) -> bytes:
    """Put the version into the client's paths: through redirects, some of its modules would run twice."""
    return body.replace(b'"/js/', f'"{client.path}/'.encode())
