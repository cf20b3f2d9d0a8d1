"""The bus over publish and subscribe of Redis or Valkey, which carries whole batches.

Plain PUBLISH, which a cluster hands on to all of its nodes. Redis keeps nothing of it, and holds back a subscriber that
does not read: the frames that it drops are read from the store.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import redis.asyncio
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from tidings.bus.reconnecting import ReconnectingBus, end

REDIS_TIMEOUT = 1.5  # seconds, to connect and for each command
MAX_WAITING = 4 * 1024 * 1024  # bytes of frames that wait for their turn; beyond that the older ones are dropped


class RedisBus(ReconnectingBus):
    """See `domain.ports.Bus`."""

    max_bytes = 1024 * 1024
    lost = (RedisError, OSError, TimeoutError)

    def __init__(self, url: str, *, channel: str, clock: Callable[[], float]) -> None:
        """`url` is one of redis-py's: `redis://`, `rediss://` for TLS, `unix://`."""
        super().__init__(clock=clock)
        self._url = url
        self._channel = channel
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()

    def send(self, frame: bytes) -> None:
        """Send a frame after those that wait already."""
        if self._bytes + len(frame) > MAX_WAITING:
            self._waiting.clear()
            self._bytes = 0
        self._waiting.append(frame)
        self._bytes += len(frame)
        self._wake.set()

    async def session(self) -> None:
        """Connect, subscribe and publish, until a connection is lost."""
        client = redis.asyncio.Redis.from_url(
            self._url, socket_connect_timeout=REDIS_TIMEOUT, socket_timeout=REDIS_TIMEOUT, health_check_interval=0
        )
        async with client, client.pubsub() as pubsub:
            await pubsub.subscribe(self._channel)
            listening = asyncio.create_task(self._listen(pubsub))
            listening.add_done_callback(lambda _: self._wake.set())
            try:
                while not listening.done():
                    await self._wake.wait()
                    self._wake.clear()
                    while self._waiting and not listening.done():
                        frame = self._waiting.popleft()
                        self._bytes -= len(frame)
                        await client.publish(self._channel, frame)
            finally:
                await end(listening)
            listening.result()

    async def _listen(self, pubsub: PubSub) -> None:
        async for message in pubsub.listen():
            if message["type"] == "message":
                self.heard(message["data"])
