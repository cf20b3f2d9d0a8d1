"""The how-to pages: their commands run word for word, their programs do what the pages say."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.docs.machine import EXAMPLES, as_service, end_service, loaded, token
from tests.docs.test_tutorials import environ_here
from tests.docs.walkthrough import DOCS, Commands, Walkthrough, steps, walking
from tests.embedding.hosts import served
from tests.servers import Server
from tidings.client import Client
from tidings.testing import InMemoryServer

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

FOLLOWED = {
    *("tutorials/fastapi.md", "tutorials/django.md", "tutorials/any-back-end.md", "tutorials/react.md"),
    *("how-to/backups.md", "how-to/cookies.md", "how-to/moving.md", "how-to/service.md", "how-to/upgrades.md"),
}


def test_every_page_with_commands_is_followed_by_a_test() -> None:
    pages = {
        page.relative_to(DOCS).as_posix()
        for page in DOCS.rglob("*.md")
        if any(isinstance(step, Commands) for step in steps(page))
    }
    assert pages == FOLLOWED


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walkthrough]:
    with walking(tmp_path / "walk", environ=environ_here()) as walk:
        yield walk


def epoch(url: str) -> str:
    return str(httpx2.get(f"{url}/readyz").json()["epoch"])


@pytest.mark.parametrize("page", ["how-to/backups.md", pytest.param("how-to/upgrades.md", marks=pytest.mark.full)])
def test_commands_of_the_page_leave_the_service_with_its_notifications(
    walk: Walkthrough, tmp_path: Path, page: str
) -> None:
    as_service(walk, tmp_path)
    walk.run("systemctl start tidings")
    try:
        with Client(walk.url(8000), token=token(None, publish=True)) as publisher:
            publisher.publish(to={"user": "alice"}, title="kept")
        before = epoch(walk.url(8000))
        walk.follow(page)
        with Client(walk.url(8000), token=token("alice")) as alice:
            assert [one["title"] for one in alice.inbox()] == ["kept"]
        assert (epoch(walk.url(8000)) != before) is (page == "how-to/backups.md")  # a restored log is another one
    finally:
        end_service(walk)


def test_commands_of_the_page_on_cookies_do_what_it_says(walk: Walkthrough, tmp_path: Path) -> None:
    origin = f"http://127.0.0.1:{walk.ports[8080]}"
    server = Server(tmp_path / "t.db", mode="serve", port=walk.ports[8000], settings={"cors_origins": origin}).start()
    try:
        walk.environ = {**walk.environ, "TOKEN": token("alice")}
        walk.follow("how-to/cookies.md")
        server.stop()
    finally:
        server.kill()


def test_commands_of_the_page_on_moving_reach_old_and_new_listeners(walk: Walkthrough, tmp_path: Path) -> None:
    server = Server(tmp_path / "t.db", port=walk.ports[8000]).start()
    try:
        walk.follow("how-to/moving.md")
        server.stop()
    finally:
        server.kill()


def test_functions_with_old_names_publish_to_the_same_people() -> None:
    with InMemoryServer() as server:
        client = server.client()
        client.follow("room/9", "bob")
        loaded("moving/from_django_eventstream.py").send_event(client, "user-7", "like", {"post": 9})
        loaded("moving/from_django_eventstream.py").send_event(client, "room-9", "message", {"text": "hello"})
        server.assert_notified("7", type="like", data={"post": 9})
        server.assert_notified("bob", type="message", topic="room/9")
        client.follow("posts", "bob")
        loaded("moving/from_pusher.py").trigger(client, ["private-user-7", "posts"], "post", {"id": 1})
        server.assert_notified("7", type="post", topic="user/7")
        server.assert_notified("bob", type="post", topic="posts")


@pytest.mark.full
def test_application_that_was_one_of_sse_starlette_notifies(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "moving/from_sse_starlette.py", tmp_path / "shop.py")
    command = ("uvicorn", "shop:app", "--port", "PORT", "--timeout-graceful-shutdown", "1", "--log-level", "warning")
    with served(tmp_path, *command) as host:
        assert httpx2.post(f"{host.url}/posts/9/like").status_code == 200
        inbox = httpx2.get(f"{host.url}/tidings/v1/inbox", headers={"cookie": "login=alice"}).json()
        assert inbox["data"][0]["data"] == {"post": 9}
