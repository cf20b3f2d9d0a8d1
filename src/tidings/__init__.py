"""Tidings: a self-hosted, real-time in-app notification server.

This is the only public face of the package. Nothing is imported before it is asked for: the client needs none of
the server's packages, and the server's are an extra (`pip install 'tidings[app]'`).

    from tidings import Client, create_app, Settings
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "App",
    "AsyncClient",
    "Client",
    "ClientError",
    "Event",
    "NotTidings",
    "Settings",
    "Tidings",
    "TidingsProblem",
    "Unreachable",
    "__version__",
    "create_app",
]

if TYPE_CHECKING:
    from tidings.app import Tidings, create_app
    from tidings.client import AsyncClient, Client, ClientError, Event, NotTidings, TidingsProblem, Unreachable
    from tidings.embedding.app import App
    from tidings.settings import Settings
else:
    _SERVER = {
        "App": "tidings.embedding.app",
        "Settings": "tidings.settings",
        "Tidings": "tidings.app",
        "create_app": "tidings.app",
    }

    def __getattr__(name: str) -> object:
        """An export, imported now (PEP 562). Raises `ModuleNotFoundError` with the extra that it needs."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        from tidings.extras import extra_of, pip_install

        try:
            found = getattr(import_module(_SERVER.get(name, "tidings.client")), name)
        except ModuleNotFoundError as error:
            extra = extra_of(error)
            if extra is None:
                raise
            raise ModuleNotFoundError(f"tidings.{name} needs {pip_install(extra)}", name=error.name) from error
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
