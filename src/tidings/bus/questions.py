"""Questions to the other workers of one machine: each answers at once, from what it has in memory."""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from tidings.bus.datagrams import Datagrams


class Question(msgspec.Struct, frozen=True, tag="q", array_like=True):
    """A question with its argument, and where the answer goes."""

    number: int
    asker: str
    name: str
    argument: str


class Reply(msgspec.Struct, frozen=True, tag="r", array_like=True):
    """The answer of one worker to the question of this number."""

    number: int
    worker: str
    answer: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Question | Reply).decode


class _Waiting:
    """The answers to a question so far."""

    def __init__(self, expected: set[str]) -> None:
        self.expected = expected
        self.answers: dict[str, bytes] = {}
        self.complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add(self, reply: Reply) -> None:
        self.answers[reply.worker] = reply.answer
        if self.expected <= self.answers.keys() and not self.complete.done():
            self.complete.set_result(None)


class Questions:
    """See `domain.ports.Workers`. It asks and answers while `run` runs."""

    def __init__(self, folder: Path, *, name: str) -> None:
        """`folder` is the workers' own; `name` is of this process alone."""
        self.on: dict[str, Callable[[str], bytes]] = {}  # from the question's argument to this worker's answer
        self._datagrams = Datagrams(folder, name=name, kind="ask")
        self._numbers = itertools.count(1)
        self._waiting: dict[int, _Waiting] = {}

    async def ask(self, name: str, argument: str = "", *, within: float) -> Mapping[str, bytes | None]:
        """The answers of all other workers; None of one that did not answer `within` these seconds."""
        others = {other for other in self._datagrams.names() if other != self._datagrams.name}
        if not others:
            return {}
        number = next(self._numbers)
        waiting = self._waiting[number] = _Waiting(others)
        question = _encode(Question(number, self._datagrams.name, name, argument))
        for other in others:
            self._datagrams.send(question, other)
        # Not `asyncio.timeout`: the first step of a request may run without a task (`server.started_coroutine`).
        alarm = asyncio.get_running_loop().call_later(within, _give_up, waiting.complete)
        try:
            await waiting.complete
        finally:
            alarm.cancel()
            del self._waiting[number]
        return {other: waiting.answers.get(other) for other in others}

    async def run(self) -> None:
        """Answer, and hear answers, for ever."""
        async with self._datagrams.opened(self._received):
            await asyncio.Event().wait()

    def _received(self, data: bytes) -> None:
        try:
            frame = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if isinstance(frame, Reply):
            if frame.number in self._waiting:
                self._waiting[frame.number].add(frame)
        elif frame.name in self.on:
            answer = self.on[frame.name](frame.argument)
            self._datagrams.send(_encode(Reply(frame.number, self._datagrams.name, answer)), frame.asker)


def _give_up(complete: "asyncio.Future[None]") -> None:
    if not complete.done():
        complete.set_result(None)
