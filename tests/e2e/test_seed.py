"""The seed's two endpoints: its streams, and workbooks that open."""

import io
import itertools
import json
import os
import socket
import time
import urllib.parse
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.conftest import StartServer
from tests.servers import SECRET, HttpResponse, Server, eventually
from tests.streams import Event, Stream, connect, request_head
from tidings.auth.tokens import issue
from tidings.domain.topics import User

ME, SUFFIX = "a@x.io", "aa@x.io"
_names = itertools.count(1)


def new_user() -> str:
    """A user whom no other test knows: the server is shared."""
    return f"{next(_names)}@x.io"


def seed_stream(server: Server, user: str, *, trace: str = "t1", cursor: str | None = None) -> closing[Stream]:
    query = {"user_email": user, "trace_id": trace} | ({"cursor": cursor} if cursor else {})
    return closing(
        connect((server.host, server.port), f"/notification/socket-connection?{urllib.parse.urlencode(query)}")
    )


def connected(server: Server, number: int) -> None:
    eventually(
        "the seed's streams are open", lambda: server.gauges()['tidings_connections{transport="seed"}'] == number
    )


def export(server: Server, user: str, **asked: str) -> Any:
    query = urllib.parse.urlencode({"user_email": user, **asked})
    answer = server.request("GET", f"/notification/export-excel?{query}")
    assert answer.status == 202, answer.body
    return answer.json


def own_stream(server: Server, user: str) -> closing[Stream]:
    return closing(connect((server.host, server.port), f"/v1/stream?user={urllib.parse.quote(user)}").begin())


def until(stream: Stream, holds: Callable[[Event], object], *, within: float = 60) -> list[Event]:
    """Events up to the first of which this holds."""
    seen = [stream.next(within=within)]
    while not holds(seen[-1]):
        seen.append(stream.next(within=within))
    return seen


def links(event: Event) -> bool:
    """Is this the notification with the file?"""
    return event.type == "notification.created" and "action_url" in event.json


def click(server: Server, link: str, **other: str) -> HttpResponse:
    """Follow an absolute link, as it is or with other values in its query."""
    parts = urllib.parse.urlsplit(link)
    assert f"{parts.scheme}://{parts.netloc}" == server.url
    query = dict(urllib.parse.parse_qsl(parts.query)) | other
    return server.request("GET", f"{parts.path}?{urllib.parse.urlencode(query)}")


def rows(server: Server, link: str) -> list[dict[str, Any]]:
    answer = click(server, link)
    assert answer.status == 200
    sheet = openpyxl.load_workbook(io.BytesIO(answer.body), read_only=True).active
    assert sheet is not None
    heading, *values = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, heading), row, strict=True)) for row in values]


def test_seed_event_reaches_each_trace_of_its_user_and_no_other(server: Server) -> None:
    with (
        seed_stream(server, ME, trace="one") as one,
        seed_stream(server, ME, trace="two") as two,
        seed_stream(server, SUFFIX) as other,
    ):
        connected(server, 3)
        server.publish({"user": ME}, type="EXPORT_EXCEL", body="ready")
        server.publish({"all": True}, type="SYSTEM", body="for everyone")
        for stream in (one, two):
            mine, everyones = stream.take(2)
            assert mine.type == "message"  # unnamed
            assert set(mine.json) == {"message_body", "user_email", "type", "status", "creat_time"}
            assert mine.json["message_body"] == "ready"
            assert (mine.json["user_email"], mine.json["type"], mine.json["status"]) == (ME, "EXPORT_EXCEL", "UNREAD")
            assert (everyones.json["message_body"], everyones.json["user_email"]) == ("for everyone", ME)
        last = other.next().json
        assert (last["message_body"], last["user_email"]) == ("for everyone", SUFFIX)


def test_seed_event_names_its_listener_also_on_catching_up(server: Server) -> None:
    me, other = new_user(), new_user()
    start = server.publish({"user": me}, body="before")["cursor"]
    for user in (me, other):
        assert server.request("PUT", f"/v1/topics/seed/news/followers/{user}").status == 204
    server.publish({"topic": "seed/news"}, body="to who follows")
    server.publish({"all": True}, body="to all")
    for user in (me, other, me):
        with seed_stream(server, user, cursor=start) as stream:
            assert [(event.json["message_body"], event.json["user_email"]) for event in stream.take(2)] == [
                ("to who follows", user),
                ("to all", user),
            ]


def test_the_parameters_may_come_in_a_json_body_as_the_original_sent_them(server: Server) -> None:
    body = json.dumps({"user_email": ME, "trace_id": "t"}).encode()
    head = request_head(
        "/notification/socket-connection",
        host=server.host,
        headers=[("Content-Type", "application/json"), ("Content-Length", str(len(body)))],
    )
    with closing(Stream(socket.create_connection((server.host, server.port)), head + body)) as stream:
        connected(server, 1)
        server.publish({"user": ME}, body="hello")
        assert stream.next().json["message_body"] == "hello"


def test_a_seed_stream_resumes_from_a_cursor(server: Server) -> None:
    me = new_user()
    first = server.publish({"user": me}, body="one")
    server.publish({"user": me}, body="two")
    with seed_stream(server, me, cursor=first["cursor"]) as stream:
        assert stream.next().json["message_body"] == "two"


@pytest.mark.parametrize("path", ["socket-connection", "export-excel"])
@pytest.mark.parametrize("query", ["", "user_email=", "user_email=a%00b", "user_email=" + "x" * 300])
def test_seed_request_without_a_user_is_refused(server: Server, path: str, query: str) -> None:
    answer = server.request("GET", f"/notification/{path}?{query}")
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_export_shows_its_progress_and_ends_with_a_link_to_a_real_workbook(server: Server) -> None:
    me = new_user()
    server.publish({"user": me}, type="like", body="=1+1", title="Bob")
    server.publish({"user": f"a{me}"}, type="like", body="not mine")
    server.publish({"all": True}, type="notice", body="for everyone \u2028 and ☃")
    with own_stream(server, me) as stream, seed_stream(server, me) as seed:
        connected(server, 1)
        asked = export(server, me, message_body="It is ready", action_type="EXPORT_EXCEL")
        begun, *between, done = until(stream, links)
        assert (begun.json["type"], begun.json["progress"]) == ("export.progress", 0.0)
        updates = [event for event in between if event.type == "notification.updated"]
        assert {event.json["id"] for event in updates} == {begun.json["id"]}
        assert [event.json["progress"] for event in updates][-1] == 1.0
        assert between[-1].type == "notification.deleted"  # the progress goes as the link comes
        assert done.json["action_url"] == asked["file"]
        assert (done.json["type"], done.json["body"]) == ("EXPORT_EXCEL", "It is ready")
        assert seed.next().json["message_body"] == "It is ready"
    found = rows(server, done.json["action_url"])
    assert [row["message_body"] for row in found[:2]] == ["for everyone \u2028 and ☃", "=1+1"]
    assert found[1]["type"] == "like"
    assert found[1]["status"] == "UNREAD"


def test_only_its_owner_downloads_a_workbook(server: Server) -> None:
    """By the link, which is signed and carries who it is for, or by a credential."""
    me = new_user()
    with own_stream(server, me) as stream:
        export(server, me)
        link = until(stream, links)[-1].json["action_url"]
    assert click(server, link).status == 200
    for forged in ({"user": f"a{me}"}, {"expires": "9999999999"}, {"signature": ""}, {"signature": "0" * 64}):
        refused = click(server, link, **forged)
        assert (refused.status, refused.json["code"]) == (403, "link_expired")
    path = urllib.parse.urlsplit(link).path
    assert server.request("GET", f"{path}?user={me}").status == 200
    for whose in (f"a{me}", me[1:], me[:-1]):
        assert server.request("GET", f"{path}?user={whose}").status == 404
    assert server.request("GET", path).status == 401
    assert server.request("GET", f"/v1/exports/..%2F..%2Ftidings.xlsx?user={me}").status == 404


def test_link_needs_no_credential_and_is_where_browsers_reach_the_server(start_server: StartServer) -> None:
    server = start_server("serve", seed=True, public_url="https://app.example/tidings")
    now = int(time.time())
    token = issue(SECRET, user=User(ME), publish=False, topics=[], now=now, lifetime=600)
    bearer = {"Authorization": f"Bearer {token}"}
    begun = server.request("GET", f"/notification/export-excel?user_email={ME}", headers=bearer).json
    assert begun["file"].startswith("https://app.example/tidings/v1/exports/")
    target = begun["file"].removeprefix("https://app.example/tidings")
    eventually("the link can be clicked", lambda: server.request("GET", target).status == 200)
    server.restart()
    assert server.request("GET", target).status == 200


def test_one_export_at_a_time_and_one_that_is_cancelled(server: Server) -> None:
    me, other = new_user(), new_user()
    fill(server, me, 6000)
    path = f"/notification/export-excel?user_email={me}"
    with own_stream(server, me) as stream:
        dropped = export(server, me)
        refused = server.request("GET", path)
        assert (refused.status, refused.json["code"]) == (409, "export_running")
        export(server, other)  # is no other user's business
        assert server.request("DELETE", f"/v1/exports/{dropped['id']}?user=a{me}").status == 404
        assert server.request("DELETE", f"/v1/exports/{dropped['id']}?user={me}").status == 204
        until(stream, lambda event: event.json.get("title") == "Export was cancelled")
        assert click(server, dropped["file"]).status == 404
        assert server.request("DELETE", f"/v1/exports/{dropped['id']}?user={me}").status == 404
        kept = export(server, me)
        until(stream, links)
    assert len(rows(server, kept["file"])) >= 6000


def test_twenty_exports_a_day(server: Server) -> None:
    me = new_user()
    with own_stream(server, me) as stream:
        for _ in range(20):
            export(server, me)
            until(stream, links)
    path = f"/notification/export-excel?user_email={me}"
    eventually("the last one is over", lambda: server.request("GET", path).json["code"] == "too_many_exports")
    refused = server.request("GET", path)
    assert (refused.status, refused.headers["retry-after"]) == (429, "4320")


def test_group_that_grows_while_it_is_exported_is_in_the_workbook(server: Server) -> None:
    """Its place moves from the oldest to the newest: a page that goes by places has neither."""
    me = new_user()
    grouped = {"type": "like", "body": "oldest", "group_key": "g"}
    server.publish({"user": me}, **grouped)
    fill(server, me, 9000)
    with own_stream(server, me) as stream:
        export(server, me)
        until(stream, lambda event: 0 < event.json.get("progress", 0) < 1)
        server.publish({"user": me}, **grouped)
        link = until(stream, links)[-1].json["action_url"]
    found = [row["message_body"] for row in rows(server, link)]
    assert (found.count("oldest"), found.count("Bob liked your post")) == (1, 9000)


def test_an_export_that_a_crash_cut_off_says_so(start_server: StartServer) -> None:
    me = new_user()
    server = start_server()
    fill(server, me, 10_000)
    with own_stream(server, me) as stream:
        export(server, me)
        assert stream.next().json["progress"] == 0.0
    server.kill()
    assert server.db is not None
    (note,) = server.db.with_name(f"{server.db.stem}-exports").glob("*/*.begun")
    note.with_name("torn.begun").write_bytes(b"")  # as a power cut may leave one
    note.with_name("odd.begun").mkdir()
    server.start()  # the lease of the process that crashed has to be over
    eventually("the notes are done with", lambda: not note.exists() and not note.with_name("torn.begun").exists())
    titles = [item["title"] for item in server.request("GET", f"/v1/inbox?user={me}&limit=1").json["data"]]
    assert titles == ["Export was interrupted"]


def test_a_workbook_is_kept_as_long_as_notifications_and_then_taken_from_the_disk(start_server: StartServer) -> None:
    server = start_server(inbox_age=3600)
    folder = server.db.with_name(f"{server.db.stem}-exports")
    gone, kept = new_user(), new_user()
    found: dict[str, tuple[Path, str]] = {}
    for user in (gone, kept):
        with own_stream(server, user) as stream:
            asked = export(server, user)
            until(stream, links)
        (path,) = folder.glob(f"*/{asked['id']}.xlsx")
        found[user] = path, asked["file"]
    others = folder / "somebody-elses" / "old.xlsx"
    others.parent.mkdir()
    others.write_bytes(b"")
    for old in (found[gone][0], others):
        os.utime(old, (time.time() - 3601,) * 2)
    refused = click(server, found[gone][1])
    assert (refused.status, refused.json["code"]) == (404, "not_found")
    assert "kept for 1 hour" in refused.json["detail"]

    server.restart()  # the first round is soon after the start
    eventually("it is taken from the disk, and its owner's folder with it", lambda: not found[gone][0].parent.exists())
    assert click(server, found[gone][1]).body == refused.body
    assert click(server, found[kept][1]).status == 200
    assert others.exists()
    with own_stream(server, gone) as stream:
        export(server, gone)  # it can be asked for again
        assert click(server, until(stream, links)[-1].json["action_url"]).status == 200


@pytest.mark.timeout(300)
def test_a_user_with_100_000_notifications_is_exported_in_bounded_memory(server: Server) -> None:
    me = new_user()
    fill(server, me, 100_000)
    with own_stream(server, me) as stream:
        before = server.resident()
        export(server, me)
        link = until(stream, links, within=240)[-1].json["action_url"]
        grown = server.resident() - before
    answer = click(server, link)
    assert answer.status == 200
    with zipfile.ZipFile(io.BytesIO(answer.body)) as book:
        assert book.read("xl/worksheets/sheet1.xml").count(b"<t>Bob liked your post</t>") == 100_000
    assert grown < 64 * 1024 * 1024


def fill(server: Server, user: str, number: int) -> None:
    """Give a user many notifications."""
    line = json.dumps({"to": {"user": user}, "type": "like", "body": "Bob liked your post"}).encode() + b"\n"
    while number > 0:
        now = min(1000, number)
        assert server.request("POST", "/v1/notifications:batch", body=line * now).status == 200
        number -= now
