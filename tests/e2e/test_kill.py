"""Durable before visible: the server is killed in mid-flight, again and again, and no promise is broken."""

import asyncio
import http.client
import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import pytest

from tests.conftest import StartServer
from tests.servers import PATIENCE, eventually
from tests.streams import Ended, Event, Listener, listen

STREAMS = 200
RATE = 200  # notifications a second
COUNT = 1500
KILLS = (300, 700, 1100)  # after so many were answered
PUBLISHERS = 8

_NUMBER = re.compile(r'"data":(\d+)')


def target(number: int) -> dict[str, object]:
    """Whom a notification is for."""
    if number % 5 == 0:
        return {"all": True}
    if number % 5 == 1:
        return {"topic": "even"}
    if number % 5 == 2:
        return {"users": [f"u{(number + 7 * n) % STREAMS}" for n in range(5)]}
    return {"user": f"u{number % STREAMS}"}


def readers_of(number: int) -> list[int]:
    """The same as places in the list of streams."""
    if number % 5 == 0:
        return list(range(STREAMS))
    if number % 5 == 1:
        return list(range(0, STREAMS, 2))
    if number % 5 == 2:
        return [(number + 7 * n) % STREAMS for n in range(5)]
    return [number % STREAMS]


class Address(Protocol):
    """A server, or several behind one address."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...


class Publisher(threading.Thread):
    """Publishes its share of the numbers, each at its time, each until it is answered."""

    def __init__(
        self, server: Address, share: range, *, start: float, target: Callable[[int], dict[str, object]] = target
    ) -> None:
        super().__init__()
        self.answered: dict[int, str] = {}
        self.failed: Exception | None = None
        self._server = server
        self._target = target
        self._share = share
        self._start = start
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        try:
            for number in self._share:
                time.sleep(max(0.0, self._start + number / RATE - time.monotonic()))
                deadline = time.monotonic() + PATIENCE
                while (answer := self._try(number)) is None:
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"{number} was never answered")
                    time.sleep(0.02)
                self.answered[number] = answer
        except Exception as error:
            self.failed = error
        finally:
            if self._connection is not None:
                self._connection.close()

    def _try(self, number: int) -> str | None:
        """The cursor, once it was answered. The key makes trying again safe: the answer may have got lost."""
        body = json.dumps({"to": self._target(number), "data": number}).encode()
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._server.host, self._server.port, timeout=5)
        try:
            self._connection.request("POST", "/v1/notifications", body, {"Idempotency-Key": str(number)})
            response = self._connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            return None
        if response.status != 201:
            assert response.status in {409, 503}, (response.status, answer)
            return None
        return str(answer["cursor"])


class Reader:
    """One user's stream, kept open: when it breaks it comes back with the last id."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.last = ""
        self.numbers: dict[str, int] = {}  # id -> number, in the order of arrival
        self.repeated = 0
        self.faults: list[str] = []
        self.connects = 0
        self._asked = ""

    async def follow(self, address: tuple[str, int]) -> None:
        """For ever."""
        while True:
            try:
                listener: Listener = await listen(
                    address, self.user, last_event_id=self.last or None, on_event=self.take
                )
            except (OSError, Ended):
                await asyncio.sleep(0.05)
                continue
            try:
                self.connects += 1
                start = listener.hello.result().id
                if self.last and start != self._asked:
                    self.faults.append(f"asked for {self._asked}, was put at {start}")
                self.last = self.last or start
                await listener.lost
            finally:
                self._asked = self.last
                listener.transport.abort()

    def take(self, event: Event) -> None:
        match = _NUMBER.search(event.data)
        if event.type != "notification.created" or match is None:
            self.faults.append(f"{event.type}: {event.data}")
            return
        number = int(match[1])
        if event.id in self.numbers:
            self.repeated += 1
            if self.numbers[event.id] != number:
                self.faults.append(f"{event.id} was {self.numbers[event.id]}, is {number}")
            return
        if self.last and event.seq <= int(self.last.rpartition("-")[2]):
            self.faults.append(f"{event.id} after {self.last}")
        self.numbers[event.id] = number
        self.last = event.id


async def end_when_complete(readers: Sequence[Reader], following: Sequence[asyncio.Task[None]], *, count: int) -> None:
    """End the readers as soon as each has so many, or later: what is missing is for the test to say."""
    with suppress(AssertionError):
        await asyncio.to_thread(eventually, "all is there", lambda: all(len(one.numbers) >= count for one in readers))
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)


@pytest.mark.timeout(180)
async def test_answered_publishes_reach_every_reader_in_order_through_three_kills(
    start_server: StartServer,
) -> None:
    server = start_server()
    address = (server.host, server.port)
    server.follow("even", *(f"u{n}" for n in range(0, STREAMS, 2)))
    readers = [Reader(f"u{n}") for n in range(STREAMS)]
    following = [asyncio.create_task(reader.follow(address)) for reader in readers]
    await asyncio.to_thread(eventually, "all are connected", lambda: all(reader.connects for reader in readers))

    start = time.monotonic()
    publishers = [Publisher(server, range(n, COUNT, PUBLISHERS), start=start) for n in range(PUBLISHERS)]
    for publisher in publishers:
        publisher.start()
    for after in KILLS:

        def reached(after: int = after) -> bool:
            return sum(len(publisher.answered) for publisher in publishers) >= after

        await asyncio.to_thread(eventually, f"{after} answers", reached, within=60)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    for publisher in publishers:
        await asyncio.to_thread(publisher.join)
    assert [publisher.failed for publisher in publishers] == [None] * PUBLISHERS

    answered = {number: cursor for publisher in publishers for number, cursor in publisher.answered.items()}
    assert sorted(answered) == list(range(COUNT))
    expected: dict[int, set[int]] = defaultdict(set)
    for number in answered:
        for place in readers_of(number):
            expected[place].add(number)

    def complete() -> bool:
        return all(len(reader.numbers) >= len(expected[place]) for place, reader in enumerate(readers))

    with suppress(AssertionError):  # what is missing is told below
        await asyncio.to_thread(eventually, "all is there", complete)
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)

    for place, reader in enumerate(readers):
        got = list(reader.numbers.values())
        assert reader.faults == [], reader.user
        assert len(got) == len(set(got)), f"{reader.user} got a notification under two ids"
        assert set(got) == expected[place], reader.user
        assert reader.connects >= 1 + len(KILLS)
    for number, cursor in answered.items():
        if number % 5 != 2:  # to several users, it is several events
            assert all(readers[place].numbers[cursor] == number for place in readers_of(number))
