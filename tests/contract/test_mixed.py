"""One cursor over four transports: a client that changes them at random loses nothing and gets nothing twice."""

import http.client
import random
import threading
import uuid
from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.contract.receivers import RECEIVERS, Receiver
from tests.servers import Server
from tests.streams import Ended

EVENTS = 600
BREAKS = (Ended, TimeoutError, OSError, http.client.HTTPException)


class Publisher(threading.Thread):
    """Publishes one after the other, each until it is answered; `answered` are the cursors that it got."""

    def __init__(self, server: Server, user: str) -> None:
        super().__init__(daemon=True)
        self.answered: list[str] = []
        self._server = server
        self._user = user

    def run(self) -> None:
        while len(self.answered) < EVENTS:
            self.answered.append(self._publish(str(uuid.uuid4())))

    def _publish(self, key: str) -> str:
        while True:
            try:
                answer = self._server.request(
                    "POST",
                    "/v1/notifications",
                    {"to": {"user": self._user}, "body": "x"},
                    headers={"Idempotency-Key": key},
                )
            except BREAKS:
                continue
            if answer.status == 201:
                cursor: str = answer.json["cursor"]
                return cursor


class Wanderer:
    """Takes a few events over one transport, then a few over another. `got` are the ids that it had not seen."""

    def __init__(self, server: Server, user: str, *, cursor: str, chance: random.Random) -> None:
        self.got: list[str] = []
        self.used: set[str] = set()
        self._server = server
        self._user = user
        self._cursor = cursor
        self._chance = chance
        self._seen: set[str] = set()

    def wander(self) -> None:
        transport = self._chance.choice(list(RECEIVERS))
        try:
            receiver: Receiver = RECEIVERS[transport](self._server, self._user, cursor=self._cursor)
        except (*BREAKS, AssertionError):  # the server is not there, or says that it is about to leave
            return
        try:
            for _ in range(self._chance.randint(1, 12)):
                [event] = receiver.take(1, within=0.5)
                if event.type == "goaway":  # the server is about to leave
                    break
                assert event.type == "notification.created"
                self._cursor = event.id
                self.used.add(transport)
                if event.id not in self._seen:
                    self._seen.add(event.id)
                    self.got.append(event.id)
        except BREAKS:
            pass
        finally:
            receiver.close()


def stopped(server: Server) -> None:
    server.restart()


def killed(server: Server) -> None:
    server.kill()
    server.start()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("interruption", [stopped, killed])
def test_client_that_changes_transports_at_random_gets_every_event_exactly_once(
    own_server: Server, interruption: Callable[[Server], None]
) -> None:
    start = own_server.request("GET", "/v1/poll?user=alice").json["cursor"]
    publisher = Publisher(own_server, "alice")
    wanderer = Wanderer(own_server, "alice", cursor=start, chance=random.Random(7))
    publisher.start()
    while len(wanderer.got) < EVENTS // 3:
        wanderer.wander()
    break_it = threading.Thread(target=interruption, args=(own_server,))
    break_it.start()
    while publisher.is_alive() or len(wanderer.got) < EVENTS:
        wanderer.wander()
    break_it.join()
    assert wanderer.got == publisher.answered
    assert all(int(one.rpartition("-")[2]) < int(two.rpartition("-")[2]) for one, two in pairwise(wanderer.got))
    assert wanderer.used == set(RECEIVERS)
