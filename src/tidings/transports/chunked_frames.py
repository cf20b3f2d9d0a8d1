"""Chunks of HTTP/1.1 (RFC 9112, section 7.1): each frame is wrapped once, so joined frames are joined chunks."""

from tidings.domain.model import Event
from tidings.domain.ports import Encoding

TRANSFER_ENCODING = (b"transfer-encoding", b"chunked")
LAST_CHUNK = b"0\r\n\r\n"  # an orderly end; a connection that closes without it has broken


def chunk(data: bytes) -> bytes:
    """One chunk; b"" for no data, since an empty chunk is the last."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


class ChunkedEncoding:
    """The frames of an encoding, each as one chunk."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self.transport = encoding.transport
        self.heartbeat = chunk(encoding.heartbeat)
        self.shared = encoding.shared

    def event(self, event: Event) -> bytes:
        return chunk(self._encoding.event(event))

    def control(self, type: str, data: bytes, *, id: str | None = None, retry: int | None = None) -> bytes:
        return chunk(self._encoding.control(type, data, id=id, retry=retry))
