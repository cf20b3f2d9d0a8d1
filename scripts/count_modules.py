"""Count the modules that one request passes through: how many it enters, and how often it changes from one to another.

    python scripts/count_modules.py [--calls]

Each request is made once to warm the caches, then a few times to be counted, up to its answer; the least is printed,
since workers may look something up beside it. The profiler is in every thread. A change is a call into another module
than the call before it, in the same thread.
"""

import asyncio
import sys
import tempfile
import threading
from itertools import groupby, pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import tidings
from tidings.app import Tidings, create_app
from tidings.settings import Settings

ROOT = str(Path(tidings.__file__).parent) + "/"

RUNS = 5

REQUESTS = (
    ("POST", "/v1/notifications", "", b'{"to": {"user": "alice"}, "type": "like", "title": "Bob liked your post"}'),
    ("GET", "/v1/stream", "user=alice", b""),
    ("POST", "/v1/inbox/read", "user=alice", b'{"up_to": "%b"}'),
)


class Trace:
    """The modules of the package that calls enter, in order, one list a thread."""

    def __init__(self) -> None:
        self.running = False
        self.entered: dict[int, list[str]] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if self.running and event == "call" and frame.f_code.co_filename.startswith(ROOT):
            name = frame.f_code.co_filename.removeprefix(ROOT).removesuffix(".py")
            self.entered.setdefault(threading.get_ident(), []).append(name)

    @property
    def modules(self) -> list[str]:
        """Each module once, in the order in which it was entered first."""
        return list(dict.fromkeys(name for names in self.entered.values() for name in names))

    @property
    def changes(self) -> int:
        """The number of calls that are in another module than the call before."""
        return sum(a != b for names in self.entered.values() for a, b in pairwise(names))


async def ask(app: Tidings, trace: Trace, method: str, path: str, query: str, body: bytes) -> bytes:
    """One request, in the ordinary ASGI way; the answer's body, of a stream its first part. The trace ends with it."""
    answered = asyncio.Event()
    received: list[bytes] = []
    asked = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        for message in asked:
            return message
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            raise RuntimeError(f"{method} {path} was answered with {message['status']}")
        if message["type"] == "http.response.body":
            trace.running = False
            received.append(message.get("body", b""))
            answered.set()

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "root_path": "", "query_string": query.encode(), "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
    }  # fmt: skip
    await app(scope, receive, send)
    return received[0]


async def main() -> None:
    """Print the counts of each request."""
    trace = Trace()
    threading.setprofile(trace)  # of threads that start from now on: the store's
    sys.setprofile(trace)
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(mode="dev", db=Path(folder) / "tidings.db"))
        async with app.opened():
            cursor = b""
            for method, path, query, body in REQUESTS:
                least = Trace()
                for run in range(RUNS + 1):
                    if b"%b" in body:
                        answer = await ask(app, trace, *REQUESTS[0])
                        cursor = answer.split(b'"cursor":"')[1].split(b'"')[0]
                    await asyncio.sleep(0.1)  # the relay hands on the events of the request before, uncounted
                    trace.entered = {}
                    trace.running = run > 0
                    await ask(app, trace, method, path, query, body % cursor if b"%b" in body else body)
                    if trace.entered and (not least.entered or trace.changes < least.changes):
                        least.entered = trace.entered
                print(f"{method} {path}: {least.changes} changes, {len(least.modules)} modules")
                print("   ", " ".join(least.modules))
                if "--calls" in sys.argv:
                    for names in least.entered.values():
                        print("   ", " ".join(name for name, _ in groupby(names)))


if __name__ == "__main__":
    asyncio.run(main())
