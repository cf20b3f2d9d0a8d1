"""docs/embedding.md and docs/testing.md: each program in them is run as it stands."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.embedding.hosts import programs, served
from tidings.client import Client

pytestmark = pytest.mark.processes


@contextmanager
def client_of(url: str, cookie: str) -> Iterator[Client]:
    with httpx2.Client(headers={"cookie": cookie}) as http, Client(f"{url}/tidings", http=http) as client:
        yield client


@pytest.mark.parametrize(
    "command",
    [
        ("uvicorn", "shop:api", "--port", "PORT", "--timeout-graceful-shutdown", "1", "--log-level", "warning"),
        ("hypercorn", "shop:api", "--bind", "127.0.0.1:PORT", "--graceful-timeout", "1"),
        ("granian", "--interface", "asgi", "--port", "PORT", "--workers-kill-timeout", "1", "shop:api"),
    ],
    ids=lambda command: str(command[0]),
)
def test_fastapi_application_of_the_page_notifies_its_users(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "shop.py").write_text(programs("embedding.md")["shop.py"])
    with served(tmp_path, *command) as host, client_of(host.url, "login=alice") as alice:
        stream = alice.stream(cursor="start")
        assert httpx2.post(f"{host.url}/posts/9/like").json() == {"liked": 9}
        assert next(stream).data["title"] == "Bob liked your post"
        assert httpx2.post(f"{host.url}/posts/9/report").json() == {"reported": 9}
        assert httpx2.get(f"{host.url}/tidings/v1/inbox").status_code == 401
        with client_of(host.url, "login=admin") as admin:
            assert [one["title"] for one in admin.inbox()] == ["Post 9 was reported"]
        stream.close()


SETTINGS = """
SECRET_KEY = "s" * 50
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.db"}}
ROOT_URLCONF = "project.urls"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
"""

URLS = """
from django.contrib.auth import get_user_model, login
from django.http import HttpResponse
from django.urls import path


def sign_in(request):
    user, _ = get_user_model().objects.get_or_create(username="alice")
    login(request, user)
    return HttpResponse(user.pk)


def like(request):
    from project.asgi import notifications

    notifications.sync.publish(to={"user": request.user.pk}, title="from a view")
    return HttpResponse("liked")


async def like_async(request):
    from project.asgi import notifications

    user = await request.auser()
    await notifications.publish(to={"user": user.pk}, title="from an asynchronous view")
    return HttpResponse("liked")


urlpatterns = [path("login", sign_in), path("like", like), path("like-async", like_async)]
"""


def test_django_project_of_the_page_notifies_its_users(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "__init__.py").touch()
    (project / "settings.py").write_text(SETTINGS)
    (project / "urls.py").write_text(URLS)
    (project / "asgi.py").write_text(programs("embedding.md")["asgi.py"])
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings"}
    migrate = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, check=True, env=environ, cwd=tmp_path)
    command = ("uvicorn", "project.asgi:application", "--port", "PORT", "--timeout-graceful-shutdown", "1")
    with served(tmp_path, *command, "--log-level", "warning") as host, httpx2.Client() as browser:
        assert browser.get(f"{host.url}/tidings/v1/inbox").status_code == 401
        user = browser.get(f"{host.url}/login").text
        assert browser.get(f"{host.url}/like").text == "liked"
        assert browser.get(f"{host.url}/like-async").text == "liked"
        inbox = browser.get(f"{host.url}/tidings/v1/inbox").json()
        assert [one["title"] for one in inbox["data"]] == ["from an asynchronous view", "from a view"]
        assert inbox["data"][0]["topic"] == f"user/{user}"


def test_application_of_the_testing_page_passes_its_tests(tmp_path: Path) -> None:
    found = programs("testing.md")
    assert set(found) == {"notify.py", "test_notify.py"}
    for name, text in found.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
