# Generated from ../_async/soon.py by scripts/generate_sync_client.py: edit that and run this.

"""Publishing in the background, for `notify_soon`."""

import json
import logging
import random
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from tidings.client import _endpoints
from tidings.client._backoff import Backoff
from tidings.client._encoding import json_bytes
from tidings.client._endpoints import ApiCall
from tidings.client._responses import BUSY_STATUSES
from tidings.client._sync.io import ClientOperation, Queue, Worker
from tidings.client.errors import ClientError, TidingsProblem
from tidings.client.types import JsonObject, Published, Recipients, SoonStatus

QUEUE_LIMIT = 10_000  # notifications; about 10 MB
CLOSE_WITHIN = 5.0  # seconds that closing waits for the queue to be published
LOG_EVERY = 1.0  # seconds between two lines about a full queue

_log = logging.getLogger("tidings.client")


class BackgroundPublisher:
    """Publishes notifications from a bounded queue, in batches, one after the other."""

    def __init__(self, call: Callable[[ApiCall[list[Published]]], list[Published]]) -> None:
        self._call = call
        self._queue: Queue[JsonObject] = Queue(QUEUE_LIMIT)
        self._worker = Worker(self._work)
        self._operation = ClientOperation()  # its pauses
        self._published, self._dropped, self._in_flight = 0, 0, 0
        self._logged_at = -LOG_EVERY

    def put(self, to: Recipients, content: Mapping[str, Any]) -> bool:
        """Queue a notification as it is now. False, and a line in the log, where it is dropped."""
        try:
            # As JSON: the caller may go on and change what it gave.
            notification = json.loads(json_bytes(_endpoints.encoded(to, content)))
        except (TypeError, ValueError, RecursionError) as error:
            self._drop(1, f"invalid: {error}")
            return False
        if not self._queue.put(notification):
            self._drop_full()
            return False
        self._worker.start()
        return True

    def status(self) -> SoonStatus:
        """The numbers so far."""
        waiting = len(self._queue) + self._in_flight
        return SoonStatus(waiting=waiting, published=self._published, dropped=self._dropped)

    def close(self) -> None:
        """Publish the rest of the queue, for CLOSE_WITHIN at most, and drop what is left."""
        self._queue.close()
        self._worker.join(CLOSE_WITHIN, self._give_up)
        if left := self._queue.clear() + self._in_flight:
            self._in_flight = 0
            self._drop(left, "the client was closed")

    def _give_up(self) -> None:
        self._operation.interrupt()
        if left := self._queue.clear():
            self._drop(left, "the client was closed")

    def _work(self) -> None:
        while notifications := self._queue.take(_endpoints.BATCH_ROWS):
            self._in_flight = len(notifications)
            for call in _endpoints.batches(notifications, uuid.uuid4().hex):
                self._publish(call)

    def _publish(self, call: ApiCall[list[Published]]) -> None:
        """Publish a batch, however long the server is away. One that is refused is tried one by one."""
        notifications: list[JsonObject] = call.body if isinstance(call.body, list) else []
        backoff = Backoff()
        while True:
            try:
                self._call(call)
                self._published += len(notifications)
                self._in_flight -= len(notifications)
                return
            except TidingsProblem as problem:
                if problem.status not in BUSY_STATUSES:
                    self._publish_each(notifications, problem)
                    return
                reason = str(problem)
            except ClientError as error:
                reason = str(error)
            if self._operation.stopped():
                self._in_flight -= len(notifications)
                self._drop(len(notifications), reason)
                return
            _log.warning("notifications_wait", extra={"reason": reason, "waiting": len(self._queue)})
            self._operation.sleep(backoff.next(chance=random.random()))

    def _publish_each(self, notifications: list[JsonObject], problem: TidingsProblem) -> None:
        if len(notifications) == 1:
            self._in_flight -= 1
            self._drop(1, str(problem))
            return
        for notification in notifications:
            for call in _endpoints.batches([notification], uuid.uuid4().hex):
                self._publish(call)

    def _drop(self, number: int, reason: str) -> None:
        self._dropped += number
        _log.warning("notification_dropped", extra={"number": number, "reason": reason, "dropped": self._dropped})

    def _drop_full(self) -> None:
        self._dropped += 1
        now = time.monotonic()
        if now - self._logged_at >= LOG_EVERY:  # not a line for each: a server that is away is enough trouble
            self._logged_at = now
            extra = {"number": 1, "reason": "the queue is full", "dropped": self._dropped}
            _log.warning("notification_dropped", extra=extra)
