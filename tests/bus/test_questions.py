"""Questions between the workers of a machine: answered by all, or known to be unanswered."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tidings.bus.datagrams import MOST
from tidings.bus.questions import Questions


@contextlib.asynccontextmanager
async def workers(folder: Path, *names: str) -> AsyncIterator[list[Questions]]:
    every = [Questions(folder, name=name) for name in names]
    tasks = [asyncio.create_task(one.run()) for one in every]
    try:
        await asyncio.sleep(0)  # in which each opens its socket
        yield every
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_question_is_answered_by_every_other_worker(tmp_path: Path) -> None:
    async with workers(tmp_path, "a", "b", "c") as (a, b, c):
        b.on["twice"] = lambda argument: f"b {argument}{argument}".encode()
        c.on["twice"] = lambda argument: b"x" * (MOST // 2)
        answers = await asyncio.gather(a.ask("twice", "1", within=20), a.ask("twice", "2", within=20))
    assert [answer["b"] for answer in answers] == [b"b 11", b"b 22"]
    assert [len(answer["c"] or b"") for answer in answers] == [MOST // 2] * 2
    assert all(answer.keys() == {"b", "c"} for answer in answers)


async def test_worker_that_is_silent_has_no_answer(tmp_path: Path) -> None:
    async with workers(tmp_path, "a", "b", "c") as (a, b, _):
        b.on["once"] = lambda argument: b"b"
        began = time.monotonic()
        assert await a.ask("once", within=0.2) == {"b": b"b", "c": None}
        assert time.monotonic() - began >= 0.19


async def test_worker_alone_asks_nobody(tmp_path: Path) -> None:
    async with workers(tmp_path, "a") as [a]:
        assert await a.ask("once", within=20) == {}


async def test_socket_of_a_worker_that_left_is_gone(tmp_path: Path) -> None:
    async with workers(tmp_path, "a"):
        assert os.listdir(tmp_path) == ["a.ask"]
    assert os.listdir(tmp_path) == []
