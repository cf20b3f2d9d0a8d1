"""Compare what a publish and a connect cost two trees of this repository, in turns: CPU of the server's process.

    git worktree add --detach ../before COMMIT
    python scripts/compare_trees.py ../before . [--rounds 8]

Both run `tidings dev` with the packages of this environment, one after the other, so that what else the machine does
falls on both; the median of the rounds is printed with the least.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.servers import free_port

PUBLISHES = 6000
PUBLISHERS = 64  # connections
CONNECTS = 1500
CONNECTING = 32  # at once

Figures = dict[str, float]  # microseconds of CPU each


class Server:
    """A `tidings dev` of one tree, with a new database."""

    def __init__(self, tree: Path, folder: str) -> None:
        self.port = free_port()
        argv = [sys.executable, "-m", "tidings", "dev", "--port", str(self.port), "--db", f"{folder}/tidings.db"]
        env = {**os.environ, "PYTHONPATH": str(tree / "src")}
        self.process = subprocess.Popen(argv, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection, as soon as the server listens."""
        for _ in range(600):
            try:
                return await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.05)
        raise TimeoutError("the server did not start")

    def cpu(self) -> float:
        """Microseconds that its threads have run."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1000

    async def each(self, number: int, work: Callable[[], Awaitable[None]]) -> float:
        """CPU for each of a number of things that `work` does together."""
        before = self.cpu()
        await work()
        return (self.cpu() - before) / number


async def publish(server: Server, number: int) -> None:
    """Publish to a hundred users, on keep-alive connections."""
    left = iter(range(number))

    async def publisher() -> None:
        reader, writer = await server.connect()
        for n in left:
            content = {"to": {"user": f"reader-{n % 100}"}, "type": "like", "title": "Hello", "body": "how are you"}
            body = json.dumps(content).encode()
            head = f"POST /v1/notifications HTTP/1.1\r\nHost: localhost:{server.port}\r\nContent-Type: application/json"
            writer.write(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert b" 201 " in answer, answer
            await reader.readexactly(int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
        writer.close()

    await asyncio.gather(*[publisher() for _ in range(PUBLISHERS)])


async def visit(server: Server, number: int, *, prefix: str) -> None:
    """Open a stream for each of a number of users, and close it when its `hello` has come."""
    left = iter(range(number))

    async def visitor() -> None:
        for n in left:
            reader, writer = await server.connect()
            target = f"/v1/stream?user={prefix}-{n}"
            writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode())
            await reader.readuntil(b"event: hello")
            writer.close()

    await asyncio.gather(*[visitor() for _ in range(CONNECTING)])


async def measure(tree: Path) -> Figures:
    """The figures of one tree, once."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(tree, folder)
        try:
            await publish(server, PUBLISHES // 10)  # warm
            await visit(server, CONNECTS // 10, prefix="warm")
            return {
                "a publish": await server.each(PUBLISHES, lambda: publish(server, PUBLISHES)),
                "a first visit": await server.each(CONNECTS, lambda: visit(server, CONNECTS, prefix="visitor")),
                "a known connect": await server.each(CONNECTS, lambda: visit(server, CONNECTS, prefix="visitor")),
            }
        finally:
            server.process.terminate()
            server.process.wait()


def main() -> None:
    """Print the figures of each tree, and their ratios to the first's."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("trees", nargs="+", type=Path)
    arguments.add_argument("--rounds", type=int, default=8)
    asked = arguments.parse_args()
    trees = [tree.resolve() for tree in asked.trees]
    found: dict[Path, list[Figures]] = {tree: [] for tree in trees}
    for number in range(asked.rounds):
        for tree in trees if number % 2 == 0 else trees[::-1]:
            found[tree].append(asyncio.run(measure(tree)))
    for name in found[trees[0]][0]:
        first = statistics.median([figures[name] for figures in found[trees[0]]])
        for tree in trees:
            each = [figures[name] for figures in found[tree]]
            middle = statistics.median(each)
            print(f"{name:16} {tree.name:16} median {middle:6.0f} us, least {min(each):6.0f}, {middle / first:.2f} x")


main()
