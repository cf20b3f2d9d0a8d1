"""The optional parts of the distribution: the packages of each, and what to say where one is not installed."""

from collections.abc import Mapping

# Modules that are imported, each with the extra that installs it, beyond those of a bare installation.
EXTRA_OF: Mapping[str, str] = {
    "starlette": "app",
    "apsw": "app",
    "jwt": "app",
    "prometheus_client": "app",
    "uvicorn": "server",
    "httptools": "server",
    "psycopg": "outbox",
    "swagger_ui": "docs-ui",
    "xlsxwriter": "demo",
    "asyncpg": "postgres",
    "redis": "redis",
}


def extra_of(error: ModuleNotFoundError) -> str | None:
    """The extra that would have installed what is missing; None if no extra does."""
    return EXTRA_OF.get((error.name or "").partition(".")[0])


def pip_install(extra: str) -> str:
    """The command that installs an extra: `pip install 'tidings[server]'`."""
    return f"pip install 'tidings[{extra}]'"
