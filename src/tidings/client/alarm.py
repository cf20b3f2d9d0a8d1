"""Ends a blocking read whose time is up, by shutting its socket down.

httpx2 reads a whole body with one timeout, fixed when the body begins; how long a stream may be
silent is known only from the first event in it.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(eq=False, slots=True)
class Bell:
    """One read that is being watched."""

    sock: socket.socket
    due: float  # monotonic seconds
    rang: bool = False  # its time was up, and its socket was shut down


class Alarm:
    """One thread, started when first needed, for all the streams of a client."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._bells: set[Bell] = set()
        self._wakes_at = float("inf")
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextlib.contextmanager
    def after(self, seconds: float, sock: socket.socket) -> Iterator[Bell]:
        """Shut the socket down if the block takes longer."""
        bell = Bell(sock, time.monotonic() + seconds)
        with self._changed:
            self._bells.add(bell)
            if self._thread is None or not self._thread.is_alive():  # as after a fork
                self._thread = threading.Thread(target=self._watch, name="tidings-alarm", daemon=True)
                self._thread.start()
            elif bell.due < self._wakes_at:
                self._changed.notify()
        try:
            yield bell
        finally:
            with self._changed:
                self._bells.discard(bell)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for bell in [bell for bell in self._bells if bell.due <= now]:
                    self._bells.discard(bell)
                    bell.rang = True
                    shut_down(bell.sock)
                self._wakes_at = min((bell.due for bell in self._bells), default=float("inf"))
                self._changed.wait(self._wakes_at - now if self._bells else None)


def shut_down(sock: socket.socket) -> None:
    """End both directions now: whoever reads it gets its end. It may be closed already."""
    with contextlib.suppress(OSError):
        # Of a TLS socket too it is the connection below that ends: no goodbye that could wait.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
