"""Harness of the JavaScript client's tests: a page to open in tabs, and proxies in the way."""

import http.client
import http.server
import json
import mimetypes
import select
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import BrowserContext, Page

import tidings
from tests.servers import HOST, eventually, free_port

SHIPPED = (Path(tidings.__file__).parent / "js").resolve()  # what the server serves and the packages hold

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>a tab</title>
<link rel="icon" href="data:,"><script type="module" src="/tab.js"></script></html>"""

# One tab: it connects with what its address says, and remembers what it is told and when.
SCRIPT = """
import { connect } from "/js/stream.js";
const options = JSON.parse(new URLSearchParams(location.search).get("options"));
const connection = connect(options);
const events = [];
const statuses = [];
connection.addEventListener("event", ({ detail }) => events.push({ ...detail, at: Date.now() }));
connection.addEventListener("status", () => statuses.push(`${connection.status} ${connection.transport}`));
addEventListener("pageshow", ({ persisted }) => persisted && statuses.push("back"));
window.tab = { connection, events, statuses };
"""

# As strict as a page can be that talks to another origin.
POLICY = f"default-src 'self'; img-src data:; connect-src http://{HOST}:* ws://{HOST}:*"


class _Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _served(handler: type[_Quiet]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer((HOST, 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def pages() -> Iterator[str]:
    """The base address of a site whose one page opens a stream. The client is under /js/."""

    class Site(_Quiet):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY}
            if path == "/":
                return self.answer(200, headers, PAGE.encode())
            if path == "/elsewhere":
                return self.answer(200, headers, b"<!doctype html><title>elsewhere</title>")
            if path == "/tab.js":
                return self.answer(200, {"Content-Type": "text/javascript"}, SCRIPT.encode())
            file = (SHIPPED / path.removeprefix("/js/")).resolve()
            if not path.startswith("/js/") or SHIPPED not in file.parents or not file.is_file():
                return self.answer(404, {}, b"")
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            return self.answer(200, {"Content-Type": kind}, file.read_bytes())

    with _served(Site) as url:
        yield url


@contextmanager
def holding_back(upstream: str) -> Iterator[tuple[str, threading.Event]]:
    """A proxy that hands on the body of an event stream only when it has all of it, which is never.

    Its base address, and an event: once that is set, streams pass as they come.
    """
    host = upstream.removeprefix("http://")
    relent = threading.Event()

    class Proxy(_Quiet):
        def do_GET(self) -> None:
            connection = http.client.HTTPConnection(host)
            with closing(connection), suppress(ConnectionError):  # whichever end leaves first
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                length = int(self.headers.get("content-length") or 0)
                connection.request(self.command, self.path, self.rfile.read(length) or None, headers)
                response = connection.getresponse()
                kept = {"transfer-encoding", "connection", "content-length"}
                passed = {name: value for name, value in response.getheaders() if name.lower() not in kept}
                if (response.getheader("content-type") or "").startswith("text/event-stream"):
                    self._hold(response, passed)
                else:
                    self.answer(response.status, passed, response.read())

        do_POST = do_OPTIONS = do_GET  # noqa: N815 (the names are http.server's)

        def _hold(self, response: http.client.HTTPResponse, headers: dict[str, str]) -> None:
            self.close_connection = True
            passes = relent.is_set()
            if passes:
                self.send_response(response.status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
            while True:
                ready, _, _ = select.select([self.connection, response], [], [])
                if self.connection in ready:
                    return  # the browser has given up
                part = response.read1()
                if not part:
                    return  # the stream has ended
                if passes:
                    self.wfile.write(part)

    with _served(Proxy) as url:
        yield url, relent


NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen {host}:{port};
    location / {{
      proxy_pass {upstream};
      proxy_http_version 1.1;
      proxy_buffering on;
      proxy_ignore_headers X-Accel-Buffering;
    }}
  }}
}}
"""


@contextmanager
def buffering_nginx(upstream: str, folder: Path) -> Iterator[str]:
    """The real thing, told to buffer whatever the server asks of it."""
    program = shutil.which("nginx")
    assert program, "nginx is not installed"
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, host=HOST, port=port, upstream=upstream))
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(config)], stderr=subprocess.DEVNULL)

    def answers() -> bool:
        assert process.poll() is None, (folder / "error.log").read_text()
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    try:
        eventually("nginx answers", answers)
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait(10)


@dataclass
class Tab:
    """A page that holds a stream."""

    page: Page

    @classmethod
    def open(cls, context: BrowserContext, site: str, **options: object) -> "Tab":
        """Opens one that connects with these options; does not wait for anything."""
        page = context.new_page()
        page.goto(f"{site}/?{urlencode({'options': json.dumps(options)})}")
        page.wait_for_function("window.tab")
        return cls(page)

    def wait(self, condition: str, argument: object = None, *, within: float = 20.0) -> None:
        """Waits for a JavaScript condition on `tab` and `arg`. It is looked at twenty times a second, also in a
        hidden tab (whose animation frames do not come)."""
        self.page.wait_for_function(
            f"(arg) => {{ const {{ tab }} = window; return {condition}; }}",
            arg=argument,
            polling=50,
            timeout=within * 1000,
        )

    def events(self, type: str = "notification.created") -> list[dict[str, Any]]:
        """The events of a type that the page got, in order, with `at`, the time in milliseconds."""
        found = self.page.evaluate("(type) => window.tab.events.filter((event) => event.type === type)", type)
        assert isinstance(found, list)
        return found

    def first(self) -> str:
        """The type of what it was told first."""
        return str(self.page.evaluate("window.tab.events[0].type"))

    def statuses(self) -> list[str]:
        return list(self.page.evaluate("window.tab.statuses"))

    def has(self, count: int) -> None:
        """Waits until it was told of that many notifications."""
        self.wait("tab.events.filter(({ type }) => type === 'notification.created').length >= arg", count)
