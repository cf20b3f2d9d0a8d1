"""A rolling restart under load: two servers on one database behind nginx, each told to stop in turn.

No event is lost, and clients come back evenly over the time of the drain, as on any other day.
"""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PostgresServer
from tests.servers import HOST, PATIENCE, Server, eventually, free_port
from tests.streams import Ended, Event, Listener, request_head, stream_target

pytestmark = pytest.mark.anyio

RATE = 10  # notifications a second, to everybody
UNREADY = 0.25  # of the drain, in which no stream ends
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
worker_rlimit_nofile 10000;
events {{ worker_connections 9000; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream tidings {{
    server {host}:{one} max_fails=1 fail_timeout=1s;
    server {host}:{other} max_fails=1 fail_timeout=1s;
  }}
  server {{
    listen {host}:{port} backlog=4096;
    location / {{
      proxy_pass http://tidings;
      proxy_http_version 1.1;
      proxy_set_header Host localhost;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_read_timeout 60s;
      proxy_next_upstream error timeout http_503 non_idempotent;
    }}
  }}
}}
"""


class Site:
    """Two servers behind nginx."""

    def __init__(self, database: PostgresServer, folder: Path, *, drain: float) -> None:
        settings = {
            "db": database.dsn, "exports": folder / "exports", "drain_seconds": drain, "retry": 1000,
            "log_level": "error",
        }  # fmt: skip
        self.servers = [Server(db=folder / f"{name}.db", settings=settings).start() for name in "ab"]
        self.port = free_port(skip=400)
        config = folder / "nginx.conf"
        ports = {"one": self.servers[0].port, "other": self.servers[1].port}
        config.write_text(NGINX.format(folder=folder, host=HOST, port=self.port, **ports))
        program = shutil.which("nginx")
        assert program, "nginx is not installed"
        self._nginx = subprocess.Popen([program, "-p", str(folder), "-c", str(config)], stderr=subprocess.DEVNULL)

    def close(self) -> None:
        self._nginx.terminate()
        self._nginx.wait(10)
        for server in self.servers:
            server.kill()


class Client:
    """One person's stream. It comes back when it is told to, from where it was."""

    def __init__(self, port: int, user: str, returns: list[float]) -> None:
        self.got: list[str] = []
        self.resets = 0
        self._port = port
        self._user = user
        self._returns = returns
        self._last = ""
        self._retry = 1.0
        self._listener: Listener | None = None

    async def connect(self) -> None:
        headers = [("Last-Event-ID", self._last)] if self._last else []
        head = request_head(stream_target(self._user), host="localhost", headers=headers)
        loop = asyncio.get_running_loop()
        _, listener = await loop.create_connection(lambda: Listener(head, self._came), HOST, self._port)
        self._listener = listener
        hello = await asyncio.wait_for(listener.hello, PATIENCE)
        self._last = self._last or hello.id

    async def stay(self) -> None:
        """Stay connected, for ever."""
        while True:
            assert self._listener is not None
            await self._listener.lost
            await asyncio.sleep(self._retry)
            while True:
                try:
                    await self.connect()
                except (OSError, Ended):
                    await asyncio.sleep(0.2)
                else:
                    self._returns.append(time.monotonic())
                    break

    def _came(self, event: Event) -> None:
        if event.type == "goaway":
            self._retry = event.json["retry"] / 1000
            self.close()  # the response has ended, and nginx keeps the connection
        elif event.type == "reset":
            self.resets += 1
        else:
            self._last = event.id
            if event.id not in self.got[-50:]:  # across reconnects at least once
                self.got.append(event.id)

    def close(self) -> None:
        if self._listener is not None:
            self._listener.reset()


async def publish_through(port: int, sent: list[str], stop: asyncio.Event) -> None:
    """Publish to everybody until it is told to stop; a request that was not answered is made again, as itself."""
    number = 0
    while not stop.is_set():
        number += 1
        body = json.dumps({"to": {"all": True}, "body": f"{number}"}).encode()
        head = (
            f"POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Idempotency-Key: {number}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        while True:
            try:
                reader, writer = await asyncio.open_connection(HOST, port)
                writer.write(head.encode() + body)
                answer = await asyncio.wait_for(reader.read(), PATIENCE)
                writer.close()
            except OSError:
                answer = b""
            if answer.startswith(b"HTTP/1.1 201"):
                sent.append(json.loads(answer.partition(b"\r\n\r\n")[2])["cursor"])
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(1 / RATE)


async def restart_each_in_turn(site: Site, *, streams: int, drain: float) -> None:
    returns: list[float] = []
    sent: list[str] = []
    stop = asyncio.Event()
    clients = [Client(site.port, f"u{n}", returns) for n in range(streams)]
    for start in range(0, streams, 100):
        await asyncio.gather(*(client.connect() for client in clients[start : start + 100]))
    staying = [asyncio.create_task(client.stay()) for client in clients]
    publishing = asyncio.create_task(publish_through(site.port, sent, stop))
    try:
        windows = []
        for server in site.servers:
            before = await asyncio.to_thread(server.connections)
            began = time.monotonic()
            assert server.process is not None
            server.process.terminate()
            await asyncio.to_thread(server.process.wait, drain + PATIENCE)
            windows.append((began, before))
            await asyncio.to_thread(server.start)
            await asyncio.sleep(2.5)  # the last of them come back, and nginx tries the server again
        stop.set()
        await publishing
        everything = set(sent)
        deadline = time.monotonic() + PATIENCE
        while any(not everything <= set(client.got) for client in clients) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        lost = {client._user: len(everything - set(client.got)) for client in clients}
        assert {user: number for user, number in lost.items() if number} == {}
        order = {cursor: place for place, cursor in enumerate(sorted(sent, key=lambda c: int(c.rpartition("-")[2])))}
        for client in clients:
            places = [order[cursor] for cursor in client.got]
            assert (places == sorted(places), client.resets) == (True, 0)
        for began, number in windows:
            hold_flat([at - began for at in returns], number, drain=drain)
    finally:
        for task in (publishing, *staying):
            task.cancel()
        await asyncio.gather(publishing, *staying, return_exceptions=True)
        for client in clients:
            client.close()


def hold_flat(returns: list[float], number: int, *, drain: float) -> None:
    """The streams of one server come back evenly over its drain: as many in each third, but for chance.

    A client waits between once and twice `retry` (1 s) before it does.
    """
    first, last = drain * UNREADY + 1.5, drain + 1.5
    third = (last - first) / 3
    mine = [at for at in returns if 0 <= at < last + 1]
    assert len(mine) >= 0.9 * number
    parts = [sum(first + n * third <= at < first + (n + 1) * third for at in mine) for n in range(3)]
    print(f"{number} streams came back in thirds of {parts}")  # with -s
    assert all(number / 3 * 0.5 <= part <= number / 3 * 1.5 for part in parts), parts


@pytest.fixture
def drain(request: pytest.FixtureRequest) -> float:
    return float(request.param)


@pytest.fixture
def site(database: PostgresServer, drain: float, tmp_path: Path) -> Iterator[Site]:
    site = Site(database, tmp_path, drain=drain)
    try:
        eventually("nginx answers", lambda: Server(db=tmp_path / "x", port=site.port)._ready())
        yield site
    finally:
        site.close()


@pytest.mark.timeout(150)
@pytest.mark.parametrize("drain", [6], indirect=True)
async def test_rolling_restart_loses_nothing_and_clients_come_back_evenly(site: Site, drain: float) -> None:
    await restart_each_in_turn(site, streams=200, drain=drain)


@pytest.mark.full
@pytest.mark.timeout(300)
@pytest.mark.parametrize("drain", [30], indirect=True)
async def test_rolling_restart_of_two_thousand_streams_loses_nothing(site: Site, drain: float) -> None:
    await restart_each_in_turn(site, streams=2000, drain=drain)
