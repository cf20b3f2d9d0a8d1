"""The ASGI application: Tidings below /tidings, Django for everything else."""

import os

from django.core.asgi import get_asgi_application
from starlette.requests import HTTPConnection

import tidings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django_application = get_asgi_application()

from django.conf import settings  # noqa: E402 - these need a Django that is set up
from django.contrib.auth import SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402


async def user(request: HTTPConnection) -> str | None:
    """The id of the user of Django's session cookie."""
    session = SessionStore(request.cookies.get(settings.SESSION_COOKIE_NAME))
    found: str | None = await session.aget(SESSION_KEY)
    return found


notifications = tidings.App(db="tidings.db", user=user)
application = notifications.beside(django_application, at="/tidings")
