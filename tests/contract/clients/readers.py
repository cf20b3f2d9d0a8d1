"""Small readers with the limits of libraries of other languages: `readers.py LIMIT URL`, as `receive.py` is.

Each has one habit that broke streams: reads fill blocks, a line has a greatest length, a read a time-out, an orderly
end is for good.
"""

import http.client
import json
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

BLOCK = 512  # bytes; `iter_lines` of requests
LINE = 64 * 1024  # bytes; `bufio.Scanner` of Go
TIME_OUT = 10  # seconds; okhttp
PAUSE = 1  # seconds


class Reader:
    """One stream after the other, each after the last id."""

    time_out: float | None = None
    line = 1 << 30
    back_after_end = True

    def __init__(self, url: str) -> None:
        self._at = urlsplit(url)
        self._last = ""

    def receive(self) -> None:
        while True:
            try:
                self._receive_once()
                if not self.back_after_end:
                    return
            except (OSError, http.client.HTTPException, ValueError):
                pass  # a line that is too long, too: the same is asked for again
            time.sleep(PAUSE)

    def _receive_once(self) -> None:
        connection = http.client.HTTPConnection(self._at.netloc, timeout=self.time_out)
        try:
            headers = {"Last-Event-ID": self._last} if self._last else {}
            connection.request("GET", f"{self._at.path}?{self._at.query}", headers=headers)
            response = connection.getresponse()
            if response.status == 200:
                self._read(response)
        finally:
            connection.close()

    def _read(self, response: http.client.HTTPResponse) -> None:
        rest = b""
        fields: dict[str, str] = {}
        for block in self.blocks(response):
            *lines, rest = (rest + block).split(b"\n")
            if max(map(len, [*lines, rest])) > self.line:
                raise ValueError("token too long")
            for line in lines:
                name, _, value = line.decode().partition(": ")
                if line:
                    fields[name] = value
                elif "data" in fields:
                    self._last = fields.get("id") or self._last
                    event = {"id": fields.get("id", ""), "type": fields["event"], "data": fields["data"]}
                    print(json.dumps(event), flush=True)
                    fields = {}

    def blocks(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        while block := response.read1(BLOCK):
            yield block
        if not response.isclosed():
            raise http.client.IncompleteRead(b"")


class FillingBlocks(Reader):
    """A reader that gives a chunk on when it ends, and else waits for a full block."""

    def blocks(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        if not response.chunked:
            while block := response.read(BLOCK):
                yield block
            return
        file = response.fp
        while size := int(file.readline() or b"!", 16):
            yield file.read(size)
            file.readline()


class ShortLines(Reader):
    line = LINE


class Impatient(Reader):
    time_out = TIME_OUT


class EndsForGood(Reader):
    """A reader to whom an orderly end is the end, and an error is not (`retryWhen`)."""

    back_after_end = False


READERS = {"blocks": FillingBlocks, "lines": ShortLines, "time-out": Impatient, "end": EndsForGood}

if __name__ == "__main__":
    limit, url = sys.argv[1:]
    READERS[limit](url).receive()
