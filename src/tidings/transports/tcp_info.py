"""TCP_INFO: what the kernel knows of a connection's peer. Linux; elsewhere only this process's buffer is known."""

import asyncio
import socket
import struct
import sys

from tidings.domain.ports import Unacked

_SIZE = 152  # bytes of `struct tcp_info` (linux/tcp.h) that are read here
_INFO = struct.Struct("=2xBB20xI28xI60xQ16xI4x")  # retransmits, probes, unacked, last_ack_recv, bytes_acked, notsent


def unacked(transport: asyncio.Transport) -> Unacked | None:
    """The progress of what was written and the peer has not acknowledged yet; None if everything is.

    The kernel holds megabytes for a slow client. So whether something is on its way, what this process holds does not
    tell; and whether the peer is still there, only the kernel knows. A client that does not read is
    acknowledged, too: its kernel answers that there is no room.
    """
    inside = transport.get_write_buffer_size()
    kernel: socket.socket | None = transport.get_extra_info("socket")
    info = b""
    if sys.platform == "linux" and kernel is not None and not transport.is_closing():
        info = kernel.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    if len(info) < _SIZE:  # an older kernel says less
        return Unacked(acked_bytes=-inside) if inside else None
    retransmits, probes, segments, last_ack_recv, bytes_acked, notsent = _INFO.unpack(info)
    if not (inside or segments or notsent):
        return None
    return Unacked(acked_bytes=bytes_acked, silent_seconds=last_ack_recv / 1000 if retransmits or probes else 0.0)
