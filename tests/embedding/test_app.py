"""Tidings inside another application: who is calling, when it is open, calls without a network."""

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from tests.embedding.host import ask, stream_until
from tidings import App, TidingsProblem, Unreachable


def by_header(request: HTTPConnection) -> str | None:
    return request.headers.get("x-user")


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(db=tmp_path / "t.db", user=by_header)


def host_of(app: App) -> Starlette:
    async def home(request: Any) -> PlainTextResponse:
        return PlainTextResponse("home")

    return Starlette(routes=[Route("/", home), Mount("/tidings", app=app)], lifespan=app.lifespan)


async def test_publish_is_a_method_call_and_arrives_in_the_users_inbox(app: App) -> None:
    host = host_of(app)
    async with app.lifespan():
        made = await app.publish(to={"user": 7}, type="like", title="Bob liked your post")
        assert made["id"].startswith("n-")
        answer = await ask(host, "GET", "/tidings/v1/inbox", user="7")
        assert (answer.status, [one["title"] for one in answer.json["data"]]) == (200, ["Bob liked your post"])
        body = await stream_until(host, "/tidings/v1/stream?cursor=start", "Bob liked your post", user="7")
        assert body.startswith("retry:") or "event: hello" in body


async def test_publish_blocks_from_any_thread_but_the_loops(app: App) -> None:
    async with app.lifespan():

        def worker() -> str:
            return app.sync.publish(to={"user": "alice"}, title="from a thread")["id"]

        id = await asyncio.to_thread(worker)
        assert [one["id"] async for one in app.client.inbox(user="alice")] == [id]
        with pytest.raises(RuntimeError, match="would block the event loop"):
            app.sync.publish(to={"user": "alice"}, title="x")


async def test_client_may_be_used_on_another_loop(app: App) -> None:
    async with app.lifespan():

        def other_loop() -> int:
            async def run() -> int:
                await app.client.publish(to={"user": "alice"}, title="x")
                return (await app.client.counters(user="alice"))["unread"]

            return asyncio.run(run())

        assert await asyncio.to_thread(other_loop) == 1


async def test_refusals_are_the_clients(app: App) -> None:
    async with app.lifespan():
        with pytest.raises(TidingsProblem, match="404 not_found"):
            await app.client.update("n-abc-1", title="x")
        with pytest.raises(TypeError, match="to is"):
            await app.publish(to="alice")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "path", "user", "status", "code"),
    [
        ("GET", "/tidings/v1/inbox", None, 401, "not_identified"),
        ("POST", "/tidings/v1/notifications", "alice", 403, "publish_forbidden"),
        ("GET", "/tidings/v1/inbox", "", 400, "invalid_user"),
    ],
)
async def test_request_gets_what_the_hosts_login_grants(
    app: App, method: str, path: str, user: str | None, status: int, code: str
) -> None:
    async with app.lifespan():
        body = {"to": {"all": True}, "body": "x"} if method == "POST" else None
        answer = await ask(host_of(app), method, path, user=user, body=body)
        assert (answer.status, answer.json["code"]) == (status, code)


async def test_user_parameter_is_not_believed(app: App) -> None:
    async with app.lifespan():
        answer = await ask(host_of(app), "GET", "/tidings/v1/inbox?user=alice")
        assert answer.json["code"] == "not_identified"


async def test_foreign_page_cannot_use_the_hosts_login(app: App) -> None:
    async with app.lifespan():
        await app.publish(to={"user": "alice"}, title="x")
        host = host_of(app)
        forged = {"origin": "https://evil.example"}
        mark = {"up_to": "start"}
        answer = await ask(host, "POST", "/tidings/v1/inbox/read", user="alice", body=mark, headers=forged)
        assert answer.status == 403
        form = {"content-type": "text/plain"}
        answer = await ask(host, "POST", "/tidings/v1/inbox/read", user="alice", body=mark, headers=form)
        assert answer.status == 415
        bearer = {**forged, "authorization": "Bearer the-hosts-own"}  # no page sends that unasked
        answer = await ask(host, "POST", "/tidings/v1/inbox/read", user="alice", body={"ids": []}, headers=bearer)
        assert answer.status == 200


class Session:
    """A session middleware, as a host has one: a cookie is a user id."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["session"] = {"user_id": int(HTTPConnection(scope).cookies["session"])}
        await self._app(scope, receive, send)


async def test_user_function_may_await_and_see_the_hosts_session(tmp_path: Path) -> None:
    async def by_session(request: HTTPConnection) -> int | None:
        await asyncio.sleep(0)
        user: int | None = request.session.get("user_id")
        return user

    app = App(db=tmp_path / "t.db", user=by_session)
    host = Starlette(routes=[Mount("/tidings", app=app)], middleware=[Middleware(Session)])
    async with app.lifespan():
        await app.publish(to={"user": 42}, title="x")
        answer = await ask(host, "GET", "/tidings/v1/inbox/counters", headers={"cookie": "session=42"})
        assert answer.json["unread"] == 1


async def test_revoking_ends_the_users_streams_and_the_hosts_login_is_asked_again(app: App) -> None:
    host = host_of(app)
    async with app.lifespan():
        ended = asyncio.create_task(stream_until(host, "/tidings/v1/stream", "token_expired", user="alice"))
        while not (await app.client.presence("alice"))["online"]:
            pass
        await app.client.revoke(user="alice")
        assert "event: goaway" in await ended
        assert (await ask(host, "GET", "/tidings/v1/inbox", user="alice")).status == 200  # still logged in


async def test_two_hosts_on_one_file_hear_each_other(tmp_path: Path) -> None:
    one, other = (App(db=tmp_path / "t.db", user=by_header) for _ in range(2))
    async with one.lifespan(), other.lifespan():
        heard = asyncio.create_task(stream_until(one, "/v1/stream", "from the other", user="alice"))
        while not (await one.client.presence("alice"))["online"]:
            pass
        await other.publish(to={"user": "alice"}, title="from the other")
        await asyncio.wait_for(heard, 20)


async def test_before_its_lifespan_it_says_that_it_is_not_open(app: App, caplog: pytest.LogCaptureFixture) -> None:
    host = host_of(app)
    for _ in range(3):
        answer = await ask(host, "GET", "/tidings/v1/inbox", user="alice")
        assert (answer.status, answer.json["code"]) == (503, "not_open")
        assert "lifespan" in answer.json["detail"]
    [line] = [message for message in caplog.messages if message.startswith("not_open")]
    assert "lifespan=app.lifespan" in line  # of a host that set no log up, the message is all that is printed
    with pytest.raises(Unreachable, match="lifespan has not run"):
        await app.publish(to={"user": "alice"}, title="x")
    with pytest.raises(Unreachable, match="lifespan has not run"):
        await asyncio.to_thread(app.sync.counters, user="alice")
    async with app.lifespan():
        assert (await ask(host, "GET", "/tidings/v1/inbox", user="alice")).status == 200
    assert (await ask(host, "GET", "/tidings/v1/inbox", user="alice")).json["code"] == "not_open"


async def test_it_opens_again_after_it_was_closed(app: App) -> None:
    for n in range(2):
        async with app.lifespan():
            await app.publish(to={"user": "alice"}, title="x")
            assert app.client.notify_soon(to={"user": "alice"}, title="x")
            assert (await app.client.counters(user="alice"))["unread"] >= n + 1


async def test_dead_worker_makes_it_answer_failed_and_leaves_the_host_alone(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    host = host_of(app)
    async with app.lifespan():
        app._tidings._on_fatal()
        answer = await ask(host, "GET", "/tidings/v1/inbox", user="alice")
        assert (answer.status, answer.json["code"]) == (503, "failed")
        assert (await ask(host, "GET", "/")).body == b"home"
        with pytest.raises(TidingsProblem, match="503 failed"):
            await app.publish(to={"user": "alice"}, title="x")
    assert "failed" in caplog.messages


async def test_hosts_process_is_left_as_it_was(app: App) -> None:
    before = (
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        asyncio.get_event_loop_policy(),
        (logging.getLogger().level, list(logging.getLogger().handlers)),
    )
    async with app.lifespan():
        await app.publish(to={"user": "alice"}, title="x")
        after = (
            [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
            asyncio.get_event_loop_policy(),
            (logging.getLogger().level, list(logging.getLogger().handlers)),
        )
    assert before == after


async def test_closing_leaves_no_task_and_no_thread(app: App) -> None:
    tasks, threads = asyncio.all_tasks(), threading.active_count()
    async with app.lifespan():
        await app.publish(to={"user": "alice"}, title="x")
        await asyncio.to_thread(lambda: app.sync.notify_soon(to={"user": "alice"}, title="x"))
    assert asyncio.all_tasks() == tasks
    running = [thread.name for thread in threading.enumerate()]
    assert not [name for name in running if name.startswith("tidings")], running
    assert threading.active_count() <= threads + 2  # asyncio's own, for to_thread


async def test_host_without_a_lifespan_gets_one_from_the_wrapper(app: App) -> None:
    """Django raises for a lifespan scope."""

    async def django(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await PlainTextResponse(f"django {scope['path']}")(scope, receive, send)

    application = app.beside(django, at="/tidings/")
    async with lifespan_of(application):
        await app.publish(to={"user": "alice"}, title="x")
        assert (await ask(application, "GET", "/tidings/v1/inbox", user="alice")).json["data"][0]["title"] == "x"
        assert (await ask(application, "GET", "/tidingsx")).body == b"django /tidingsx"
        assert (await ask(application, "GET", "/")).body == b"django /"


@contextlib.asynccontextmanager
async def lifespan_of(application: Callable[..., Any]) -> AsyncIterator[None]:
    to_app: asyncio.Queue[Any] = asyncio.Queue()
    from_app: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.create_task(application({"type": "lifespan", "asgi": {"version": "3.0"}}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    assert await from_app.get() == {"type": "lifespan.startup.complete"}
    yield
    await to_app.put({"type": "lifespan.shutdown"})
    assert await from_app.get() == {"type": "lifespan.shutdown.complete"}
    await task


async def test_store_that_cannot_be_opened_fails_the_hosts_start(tmp_path: Path) -> None:
    (tmp_path / "t.db").write_bytes(b"not a database" * 100)
    app = App(db=tmp_path / "t.db", user=by_header)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(Exception, match=r"t\.db"):
        await app({"type": "lifespan"}, receive, send)
    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
