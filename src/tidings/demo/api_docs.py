"""Swagger UI at `/docs`, from the files of an extra: nothing is fetched from elsewhere."""

from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tidings.api.assets import REVALIDATE, Asset
from tidings.api.http import route
from tidings.domain.errors import NotFound
from tidings.extras import pip_install

FILES = ("swagger-ui-bundle.js", "swagger-ui.css")
# Swagger UI sets styles in its elements, and has pictures inside its style sheet.
HEADERS = {
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}

_PAGE = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The API of Tidings</title>
<link rel="icon" href="/demo/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<main id="api"></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
_START = b"""SwaggerUIBundle({ url: "/openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null });
"""


def api_docs() -> list[Route]:
    """The page and its files; without the extra, a line that says how to install it."""
    found = find_spec("swagger_ui")
    if found is None or found.origin is None:
        return [route("/docs", _missing, "GET")]
    folder = Path(found.origin).with_name("static")
    assets = {name: Asset.of(name, (folder / name).read_bytes()) for name in FILES}
    assets["start.js"] = Asset.of("start.js", _START)
    page = Asset.of("page.html", _PAGE)

    async def show(request: Request) -> Response:
        return page.answer(request, cache=REVALIDATE, headers=HEADERS)

    async def part(request: Request) -> Response:
        name: str = request.path_params["name"]
        if name not in assets:
            raise NotFound(f"there is no /docs/{name[:200]}")
        return assets[name].answer(request, cache=REVALIDATE, headers=HEADERS)

    return [route("/docs", show, "GET"), route("/docs/{name}", part, "GET")]


async def _missing(request: Request) -> Response:
    return PlainTextResponse(f"Swagger UI is an extra: {pip_install('docs-ui')}\n", status_code=404)
