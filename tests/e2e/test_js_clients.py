"""JavaScript clients that others wrote: each receives, resumes from its cursor, and closes."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from tests.conftest import StartServer
from tests.e2e.js_pages import pages
from tests.servers import Server, eventually

JS = Path(__file__).parents[2] / "js"

# Each tells `say` of every event, and returns what closes it.
EVENT_SOURCE = """
(EventSource, address, say) => {
  const source = new EventSource(address);
  for (const type of ["hello", "notification.created"]) {
    source.addEventListener(type, ({ lastEventId, data }) => say({ id: lastEventId, type, data: JSON.parse(data) }));
  }
  return () => source.close();
}
"""
WEB_SOCKET = """
(WebSocket, address, say) => {
  const socket = new WebSocket(address.replace("http", "ws"));
  socket.onmessage = ({ data }) => say(JSON.parse(data));
  return () => socket.close();
}
"""
PATHS = {"eventsource": "/v1/stream", "ws": "/v1/ws"}
CLIENTS = {"eventsource": EVENT_SOURCE, "ws": WEB_SOCKET}
IN_NODE = {
    "eventsource": 'import { EventSource as Client } from "eventsource";',
    "ws": 'import { WebSocket as Client } from "ws";',
}
IN_BROWSER = {"eventsource": "EventSource", "ws": "WebSocket"}

# The events of a client so far.
Heard = Callable[[], list[dict[str, Any]]]


@contextmanager
def in_node(kind: str, address: str, folder: Path) -> Iterator[Heard]:
    """The npm package of that name, until its input ends."""
    node = shutil.which("node")
    assert node, "node is not installed"
    script = f"""
    {IN_NODE[kind]}
    const close = ({CLIENTS[kind]})(Client, {json.dumps(address)}, (event) => console.log(JSON.stringify(event)));
    process.stdin.on("end", close).resume();
    """
    output = folder / f"{kind}.jsonl"
    with output.open("wb") as out:
        process = subprocess.Popen(
            [node, "--input-type=module", "--eval", script], cwd=JS, stdin=subprocess.PIPE, stdout=out
        )

    def heard() -> list[dict[str, Any]]:
        assert process.poll() is None, "the client is still there"
        whole, _, _ = output.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.split("\n") if line]

    try:
        yield heard
        process.communicate(timeout=20)  # ends its input; it has nothing left to do, and ends
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()


@contextmanager
def in_browser(kind: str, address: str, folder: Path) -> Iterator[Heard]:
    """Chromium's own, in a page of another origin."""
    with ExitStack() as stack:
        site = stack.enter_context(pages())
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        stack.callback(browser.close)
        page = browser.new_page()
        page.goto(f"{site}/elsewhere")
        page.evaluate(
            f"""(address) => {{
                window.heard = [];
                window.leave = ({CLIENTS[kind]})({IN_BROWSER[kind]}, address, (event) => heard.push(event));
            }}""",
            address,
        )
        yield lambda: list(page.evaluate("window.heard"))
        page.evaluate("window.leave()")
        page.goto("about:blank")


@pytest.mark.parametrize("kind", ["eventsource", "ws"])
@pytest.mark.parametrize("place", [in_node, in_browser], ids=["npm", "chromium"])
def test_a_client_that_others_wrote_receives_resumes_and_closes(
    server: Server, tmp_path: Path, kind: str, place: Callable[..., Any]
) -> None:
    user = f"{kind}-{place.__name__}"
    address = f"{server.url}{PATHS[kind]}?user={user}"
    before = server.connections()
    bodies = ["one", "zwei\nZeilen", "trois … \u2028 😀"]
    with place(kind, address, tmp_path) as heard:
        eventually("hello", lambda: [event["type"] for event in heard()] == ["hello"])
        sent = [server.publish({"user": user}, type="tick", body=body)["cursor"] for body in bodies]
        eventually("all have come", lambda: len(heard()) == 4)
        assert [event["id"] for event in heard()[1:]] == sent
        assert [event["data"]["body"] for event in heard()[1:]] == bodies
    eventually("it is gone", lambda: server.connections() == before)
    with place(kind, f"{address}&cursor={sent[0]}", tmp_path) as heard:
        eventually("the rest has come", lambda: len(heard()) == 3)
        assert [event["id"] for event in heard()] == sent
    eventually("it is gone again", lambda: server.connections() == before)


@pytest.mark.parametrize("place", [in_node, in_browser], ids=["npm", "chromium"])
def test_an_event_source_comes_back_by_itself_and_has_missed_nothing(
    start_server: StartServer, tmp_path: Path, place: Callable[..., Any]
) -> None:
    server = start_server()
    with place("eventsource", f"{server.url}/v1/stream?user=alice", tmp_path) as heard:
        eventually("hello", lambda: bool(heard()))
        sent = [server.publish({"user": "alice"}, type="tick", body="before")["cursor"]]
        eventually("one has come", lambda: len(heard()) == 2)
        server.restart()
        sent += [server.publish({"user": "alice"}, type="tick", body=f"{number}")["cursor"] for number in range(5)]

        def created() -> list[str]:
            return [event["id"] for event in heard() if event["type"] == "notification.created"]

        eventually("the rest has come", lambda: len(created()) >= 6)
        assert created() == sent
