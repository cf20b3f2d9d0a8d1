"""Disconnects: every kind is noticed within the heartbeat's time, and nothing of the reader stays."""

import asyncio
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.servers import SECRET, Server, eventually
from tests.streams import Stream, connect, crowd, stream_target
from tidings.auth.tokens import issue
from tidings.domain.topics import User
from tidings.hub.liveness import HEARTBEAT_SLOTS

HEARTBEAT = 1  # second
NOTICED = 8.0  # seconds, on a busy machine; without heartbeats and what the wheel sees it would be fifteen minutes


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without other connections: its gauges are this module's."""
    server = Server(db=tmp_path_factory.mktemp("quiet") / "0.db", settings={"heartbeat": HEARTBEAT}).start()
    try:
        server.follow("author/42", *(f"u{n}" for n in range(100)))
        yield server
        assert server.left_behind() == {}
    finally:
        server.kill()


def test_closed_tab_is_forgotten(quiet: Server) -> None:
    streams = [connect((quiet.host, quiet.port), stream_target(f"u{n}")).begin() for n in range(20)]
    assert quiet.connections() == 20
    for stream in streams:
        stream.close()
    eventually("nothing is left", lambda: quiet.left_behind() == {}, within=NOTICED)


def test_reset_connection_is_forgotten(quiet: Server) -> None:
    streams = [connect((quiet.host, quiet.port), stream_target(f"u{n}")).begin() for n in range(20)]
    for stream in streams:
        stream.reset()
    eventually("nothing is left", lambda: quiet.left_behind() == {}, within=NOTICED)


CLIENT = """
import socket, sys, time
host, port = sys.argv[1:]
open_ones = []
for n in range(20):
    connection = socket.create_connection((host, int(port)))
    connection.sendall(b"GET /v1/stream?user=u%d HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n" % n)
    open_ones.append(connection)
while True:
    time.sleep(1)
"""


def test_connections_of_a_killed_client_are_forgotten(quiet: Server) -> None:
    """The client never read a byte, so its kernel answers the next write with RST."""
    client = subprocess.Popen([sys.executable, "-c", CLIENT, quiet.host, str(quiet.port)])
    try:
        eventually("its streams are open", lambda: quiet.connections() == 20)
    finally:
        client.send_signal(signal.SIGKILL)
        client.wait()
    eventually("nothing is left", lambda: quiet.left_behind() == {}, within=NOTICED)


def test_client_that_stops_reading_is_ended(quiet: Server) -> None:
    stream = connect((quiet.host, quiet.port), stream_target("u1"), receive_buffer=4096).begin()
    fill = "x" * 4000
    batch = [{"to": {"user": "u1"}, "body": fill} for _ in range(2000)]  # 8 MB: more than its socket holds
    quiet.publish_many(batch)
    eventually("nothing is left", lambda: quiet.left_behind() == {}, within=NOTICED)
    stream.close()


def test_unfinished_request_is_no_reader(quiet: Server) -> None:
    with socket.create_connection((quiet.host, quiet.port)) as connection:
        connection.sendall(b"GET /v1/stream?user=u1 HTTP/1.1\r\nHost: localhost\r\n")
        assert quiet.left_behind() == {}
        connection.sendall(b"\r\n")
        eventually("it is one now", lambda: quiet.connections() == 1)
    eventually("nothing is left", lambda: quiet.left_behind() == {}, within=NOTICED)


# A peer whose network is gone says nothing: no FIN, no RST, no answer.


class Network:
    """A network namespace with a cable to this machine that can be pulled.

    Its name, its interfaces and its addresses carry the number of this process, so that test runs do not meet;
    what a run that was interrupted has left behind is removed by the next one.
    """

    _NAME = re.compile(r"tidings-test-(\d+)")

    def __init__(self) -> None:
        self.remove_leftovers()
        pid = os.getpid()
        self.name = f"tidings-test-{pid}"
        self._cable = f"td{pid}"
        net = 4 * (pid % (1 << 14))  # a network of four addresses in 10.203.0.0/16
        self.here, self.there = (f"10.203.{net >> 8}.{net % 256 + host}" for host in (1, 2))

    @classmethod
    def remove_leftovers(cls) -> None:
        """Remove the namespaces of processes that are gone; an interface goes with its namespace."""
        listed = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True).stdout
        for pid in map(int, cls._NAME.findall(listed)):
            if not Path(f"/proc/{pid}").exists():
                subprocess.run(["ip", "link", "del", f"td{pid}a"], check=False, capture_output=True)
                subprocess.run(["ip", "netns", "del", f"tidings-test-{pid}"], check=False, capture_output=True)

    def plug(self) -> None:
        self._ip("netns", "add", self.name)
        a, b = f"{self._cable}a", f"{self._cable}b"
        self._ip("link", "add", a, "type", "veth", "peer", "name", b, "netns", self.name)
        self._ip("addr", "add", f"{self.here}/30", "dev", a)
        self._ip("link", "set", a, "up")
        self._ip("-n", self.name, "addr", "add", f"{self.there}/30", "dev", b)
        self._ip("-n", self.name, "link", "set", b, "up")

    def pull(self) -> None:
        self._ip("-n", self.name, "link", "set", f"{self._cable}b", "down")

    def mute(self) -> None:
        """Drop the client's packets; those to the client still arrive."""
        self._ip("-n", self.name, "route", "add", "blackhole", f"{self.here}/32")

    def remove(self) -> None:
        for command in (["link", "del", f"{self._cable}a"], ["netns", "del", self.name]):
            subprocess.run(["ip", *command], check=False, capture_output=True)

    def socket(self) -> socket.socket:
        """A socket of that namespace. (A thread may live in another one; a socket stays in its thread's.)"""
        made: list[socket.socket] = []

        def make() -> None:
            with Path(f"/run/netns/{self.name}").open("rb") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0):
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.socket())

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return made[0]

    def _ip(self, *words: str) -> None:
        done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


@pytest.fixture
def network() -> Iterator[Network]:
    if os.geteuid() != 0:
        pytest.skip("only root can make a network and cut it")
    network = Network()
    try:
        network.plug()
        yield network
    finally:
        network.remove()


def test_network_of_an_interrupted_run_is_removed_by_the_next(network: Network) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = f"tidings-test-{ended.pid}"
    subprocess.run(["ip", "netns", "add", left], check=True)
    Network.remove_leftovers()
    names = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True).stdout
    assert left not in names and network.name in names


@pytest.mark.parametrize("publishing", [False, True], ids=["in silence", "while it is written to"])
def test_peer_without_network_is_gone_within_a_heartbeat(network: Network, tmp_path: Path, publishing: bool) -> None:
    server = Server(db=tmp_path / "0.db", mode="serve", host=network.here, settings={"heartbeat": HEARTBEAT})
    token = issue(SECRET, user=User("alice"), publish=True, topics=[], now=int(time.time()), lifetime=600)
    authorized = [("Authorization", f"Bearer {token}")]
    streams: list[Stream] = []
    try:
        server.start()
        streams = [
            connect((server.host, server.port), "/v1/stream", headers=authorized, make_socket=network.socket).begin()
            for _ in range(5)
        ]
        assert server.connections() == 5
        network.pull()
        deadline = time.monotonic() + NOTICED
        while server.left_behind():
            assert time.monotonic() < deadline, f"still there: {server.left_behind()}"
            if publishing:
                answer = server.request(
                    "POST", "/v1/notifications", {"to": {"all": True}, "body": "x"}, headers=dict(authorized)
                )
                assert answer.status == 201
            time.sleep(0.05)
    finally:
        server.kill()
        for stream in streams:
            stream.close()


@pytest.mark.parametrize("cut", ["no carrier", "nothing comes back"])
def test_peer_without_network_is_gone_within_a_heartbeat_of_20_seconds(
    network: Network, tmp_path: Path, cut: str
) -> None:
    """With readers in every phase of the heartbeat: a sign of life in flight puts the probes off."""
    server = Server(
        db=tmp_path / "0.db", mode="serve", host=network.here, settings={"heartbeat": 20, "max_user_streams": 1000}
    )
    streams: list[Stream] = []
    gone: dict[str, list[float]] = {"silent": [], "written": []}
    now = int(time.time())
    tokens = {user: issue(SECRET, user=User(user), publish=True, topics=[], now=now, lifetime=600) for user in gone}
    authorized = {user: {"Authorization": f"Bearer {token}"} for user, token in tokens.items()}

    def left(user: str) -> int:
        path = f"/v1/users/{user}/presence"
        return int(server.request("GET", path, headers=authorized["silent"]).json["connections"])

    try:
        server.start()
        streams = [
            connect(
                (server.host, server.port), "/v1/stream", headers=headers.items(), make_socket=network.socket
            ).begin()
            for headers in authorized.values()
            for _ in range(2 * HEARTBEAT_SLOTS)
        ]
        network.pull() if cut == "no carrier" else network.mute()
        began, published = time.monotonic(), 0.0
        while min(map(len, gone.values())) < 2 * HEARTBEAT_SLOTS:
            since = time.monotonic() - began
            assert since < 20, {user: left(user) for user in gone}
            if since - published > 0.5:
                published = since
                server.request(
                    "POST", "/v1/notifications", {"to": {"user": "written"}, "body": "x"}, headers=authorized["written"]
                )
            for user, times in gone.items():
                times += [since] * (2 * HEARTBEAT_SLOTS - left(user) - len(times))
            time.sleep(0.05)
        assert server.left_behind() == {}
    finally:
        server.kill()
        for stream in streams:
            stream.close()
    for user, times in gone.items():
        print(f"{cut}, {user}: gone after {times[0]:.1f} to {times[-1]:.1f} s, median {times[HEARTBEAT_SLOTS]:.1f} s")


# Ten thousand

WAVES, WAVE = 5, 2000


@pytest.mark.timeout(120)
async def test_ten_thousand_connections_leave_nothing_behind(start_server: StartServer) -> None:
    server = start_server(heartbeat=HEARTBEAT)
    await asyncio.to_thread(server.follow, "author/42", *(f"u{n}" for n in range(100)))
    users = [f"u{n % (WAVE // 2)}" for n in range(WAVE)]
    memory = []
    for _ in range(WAVES):
        listeners = await crowd((server.host, server.port), users)
        sent = [
            await asyncio.to_thread(server.publish, to, body="x" * 100)
            for to in ({"all": True}, {"topic": "author/42"}, {"user": "u1"})
        ]
        assert [answer["live"] for answer in sent] == [WAVE, 200, 2]
        for place, listener in enumerate(listeners):
            if place % 2:
                listener.reset()
            else:
                listener.transport.abort()
        await asyncio.gather(*(listener.lost for listener in listeners))
        nothing = "nothing is left of a wave"
        await asyncio.to_thread(eventually, nothing, lambda: server.left_behind() == {}, within=NOTICED)
        memory.append(server.resident())
    growth = memory[-1] - memory[1]  # the first waves fill caches that stay filled
    assert growth < 3 * WAVE * 300, [f"{held / 1e6:.1f} MB" for held in memory]


def test_connection_that_ends_makes_room_for_the_next(start_server: StartServer) -> None:
    server = start_server(max_connections=2)
    address = (server.host, server.port)
    streams = [connect(address, stream_target(user)).begin() for user in ("a", "b")]
    refused = server.request("GET", stream_target("c"))
    assert (refused.status, refused.json["code"]) == (503, "too_many_connections")
    assert refused.headers["retry-after"]
    streams[0].close()
    eventually("one has left", lambda: server.connections() == 1)
    connect(address, stream_target("c")).begin().close()
    streams[1].close()
