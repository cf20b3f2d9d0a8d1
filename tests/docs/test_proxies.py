"""Tidings behind nginx, Caddy and HAProxy, each with the configuration that docs/how-to/proxies.md shows."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest
from websockets.sync.client import connect

from tests.docs.proxies import PROXIES, proxied
from tests.servers import HOST, SECRET, Server, free_ports
from tidings.auth.tokens import issue
from tidings.domain.topics import User

pytestmark = pytest.mark.timeout(120)


class Application(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the application")

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def application(port: int) -> Iterator[None]:
    with ThreadingHTTPServer((HOST, port), Application) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield
        server.shutdown()
        thread.join()


def bearer(user: User | None, *, publish: bool = False) -> dict[str, str]:
    token = issue(SECRET, user=user, publish=publish, topics=[], now=int(time.time()), lifetime=600)
    return {"Authorization": f"Bearer {token}"}


def publish(url: str, title: str) -> None:
    body = {"to": {"user": "alice"}, "title": title}
    httpx2.post(f"{url}/v1/notifications", json=body, headers=bearer(None, publish=True)).raise_for_status()


def lines_until(lines: Iterator[str], text: str) -> None:
    for line in lines:
        if text in line:
            return
    raise AssertionError(f"the stream ended without {text}")


@pytest.mark.parametrize("name", PROXIES)
def test_everything_passes_the_proxy_of_the_page(name: str, tmp_path: Path) -> None:
    front, behind, other = free_ports(3)
    server = Server(tmp_path / "t.db", mode="serve", port=behind).start()
    alice = bearer(User("alice"))
    try:
        with (
            application(other),
            proxied(name, tmp_path, tidings=behind, application=other, port=front) as url,
            httpx2.Client(verify=False, headers=alice, timeout=20) as http,
        ):
            tidings = f"{url}/tidings"
            assert http.get(url).text == "the application"
            assert http.get(f"{tidings}/metrics").status_code == 403
            module = http.get(f"{tidings}/js/define.js", follow_redirects=True)
            assert module.headers["content-type"].startswith("text/javascript")

            with http.stream("GET", f"{tidings}/v1/stream") as stream:
                lines = stream.iter_lines()
                lines_until(lines, "event: hello")
                publish(server.url, "at once")  # nothing follows that would fill a buffer
                lines_until(lines, "at once")

            waiting = http.get(f"{tidings}/v1/poll?cursor=start&wait=20").json()
            assert [event["data"]["title"] for event in waiting["events"]] == ["at once"]

            context = ssl.create_default_context() if url.startswith("https") else None
            if context is not None:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            target = tidings.replace("http", "ws", 1) + "/v1/ws?cursor=start"
            with connect(target, additional_headers={**alice, "Origin": url}, ssl=context) as socket:
                assert json.loads(socket.recv(20))["type"] == "hello"
                assert json.loads(socket.recv(20))["data"]["title"] == "at once"

            assert http.post(f"{tidings}/v1/session").status_code == 204
            cookie = "; ".join(f"{one.name}={one.value}" for one in http.cookies.jar)
            with httpx2.Client(verify=False, headers={"Cookie": cookie, "Origin": url}) as page:
                assert page.post(f"{tidings}/v1/inbox/read", json={"ids": []}).status_code == 200
        server.stop()
    finally:
        server.kill()
