"""One caller that attacks a server for some seconds, in a process of its own; prints how often it tried.

    python attacker.py NAME PORT SECONDS TOKEN

Every attack is bounded: by its seconds, by its workers, and by the answers that it waits for.
"""

import asyncio
import base64
import itertools
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

HOST = "127.0.0.1"
BATCH = json.dumps([{"to": {"users": [f"b{n}" for n in range(100)]}, "body": "b"}] * 10).encode()
RS256 = base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"JWT","kid":"made-up"}').rstrip(b"=").decode()


class Attacker:
    """One worker: a connection that is made again whenever it is gone."""

    number = itertools.count()

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.token = token
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def connect(self) -> None:
        self.close()
        self.reader, self.writer = await asyncio.open_connection(HOST, self.port)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.transport.abort()
        self.reader = self.writer = None

    async def send(self, data: bytes) -> None:
        if self.writer is None:
            await self.connect()
        assert self.writer is not None
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> int:
        """Read one answer; its status. 0: the server closed the connection."""
        assert self.reader is not None
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            self.close()
            return 0
        size = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await self.reader.readexactly(int(size or 0))
        if b"connection: close" in head.lower():
            self.close()
        return int(head[9:12])

    async def ask(
        self, method: str, path: str, body: bytes = b"", *, token: str | None = None, fields: str = ""
    ) -> int:
        """One request with the token, as a proxy passes it on; its status."""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 198.51.100.66\r\n{fields}"
        if token != "":
            head += f"Authorization: Bearer {token or self.token}\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        await self.send(f"{head}\r\n".encode() + body)
        return await self.answer()

    async def rest(self) -> None:
        """Wait until the server ends the connection."""
        assert self.reader is not None
        while await self.reader.read(65536):
            pass
        self.close()


async def slowloris(a: Attacker) -> None:
    await a.connect()
    for byte in b"GET /v1/poll HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 10_000:
        await a.send(bytes([byte]))
        await asyncio.sleep(0.2)


async def silence(a: Attacker) -> None:
    await a.connect()
    await a.rest()


async def connections(a: Attacker) -> None:
    await a.connect()
    a.close()


async def unfinished_bodies(a: Attacker) -> None:
    head = f"POST /v1/notifications:batch HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {a.token}\r\n"
    await a.send(f"{head}Content-Length: 31000000\r\n\r\n".encode())
    for _ in range(470):
        await a.send(b" " * 65536)
    await a.rest()


async def publishes(a: Attacker) -> None:
    await a.ask("POST", "/v1/notifications", b'{"to": {"user": "victim"}, "body": "b"}')


async def batches(a: Attacker) -> None:
    await a.ask("POST", "/v1/notifications:batch", BATCH)


async def marks(a: Attacker) -> None:
    await a.ask("POST", "/v1/inbox/seen", json.dumps({"ids": [f"n-x-{n}" for n in range(100)]}).encode())


async def polls(a: Attacker) -> None:
    await a.ask("GET", "/v1/poll")


async def replays(a: Attacker) -> None:
    await a.ask("GET", "/v1/poll?cursor=start&limit=1000")


async def replaying_streams(a: Attacker) -> None:
    head = f"GET /v1/stream?cursor=start HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {a.token}\r\n\r\n"
    await a.send(head.encode())
    assert a.reader is not None
    for _ in range(30):
        if not await a.reader.read(65536):
            break
    a.close()


async def follows(a: Attacker) -> None:
    topic = f"/v1/follows/author/{next(a.number) % 50}"
    await a.ask("PUT", topic)
    await a.ask("DELETE", topic)


async def mutes(a: Attacker) -> None:
    await a.ask("PUT", f"/v1/preferences/mutes/type:t{next(a.number)}")


async def tickets(a: Attacker) -> None:
    await a.ask("POST", "/v1/tickets")


async def bad_tokens(a: Attacker) -> None:
    head, body, _ = a.token.split(".")
    signature = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    await a.ask("GET", "/v1/poll", token=f"{head}.{body}.{signature}")


async def unknown_keys(a: Attacker) -> None:
    _, body, signature = a.token.split(".")
    await a.ask("GET", "/v1/poll", token=f"{RS256}.{body}.{signature}")


async def cookies(a: Attacker) -> None:
    await a.ask("GET", "/v1/poll", token="", fields=f"Cookie: {'a=b; ' * 6000}\r\n")
    await a.ask("GET", "/v1/poll", token="", fields=f"Cookie: {'a=b; ' * 8000}\r\n")


async def queries(a: Attacker) -> None:
    await a.ask("GET", f"/v1/poll?{'%41&' * 2000}", token="")
    await a.ask("GET", f"/v1/poll?{'%41&' * 15_000}", token="")


async def spoofed(a: Attacker) -> None:
    fields = f"Origin: https://evil.example\r\nCookie: tidings_token={a.token}\r\n"
    await a.ask("POST", "/v1/inbox/read", b'{"ids": []}', token="", fields=fields)
    await a.ask("GET", "/v1/poll", fields=f"Origin: https://{next(a.number)}.example\r\n")


# Each with its workers, and one step of a worker.
ATTACKS: dict[str, tuple[int, Callable[[Attacker], Awaitable[None]]]] = {
    "slowloris": (300, slowloris),
    "silent connections": (300, silence),
    "connections": (16, connections),
    "unfinished bodies of 31 MB": (40, unfinished_bodies),
    "publishes": (16, publishes),
    "batches of 1 000 rows": (4, batches),
    "marks of 100": (16, marks),
    "polls": (16, polls),
    "replays by poll": (16, replays),
    "replays by stream": (16, replaying_streams),
    "follow and unfollow": (16, follows),
    "mutes": (16, mutes),
    "tickets": (16, tickets),
    "tokens with a wrong signature": (16, bad_tokens),
    "tokens with unknown keys, while the key set's URL is silent": (16, unknown_keys),
    "cookies of 30 and 40 KB": (16, cookies),
    "queries of `%41&`, 8 and 60 KB": (16, queries),
    "foreign Origin, with a cookie and without": (16, spoofed),
}


async def attack(name: str, port: int, seconds: float, token: str) -> int:
    """Attack for some seconds; return the number of attempts."""
    workers, step = ATTACKS[name]
    tried = 0
    end = time.monotonic() + seconds

    async def work() -> None:
        nonlocal tried
        attacker = Attacker(port, token)
        while time.monotonic() < end:
            tried += 1
            try:
                await step(attacker)
            except (OSError, asyncio.IncompleteReadError):
                attacker.close()
                await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return tried


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        os.nice(10)  # what is measured beside it goes first
        print(asyncio.run(attack(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4])))
