"""What the kernel knows of a connection's other end. Linux; elsewhere only what this process holds is known."""

import asyncio
import socket
import struct
import sys

from tidings.domain.ports import Backlog

_SIZE = 152  # bytes of `struct tcp_info` (linux/tcp.h) that are read here
_INFO = struct.Struct("=2xBB20xI28xI60xQ16xI4x")  # retransmits, probes, unacked, last_ack_recv, bytes_acked, notsent


def backlog(transport: asyncio.Transport) -> Backlog | None:
    """What was written and the other machine has not acknowledged yet; None for nothing.

    The kernel holds megabytes for a slow client. So whether something is on its way, what this process holds does not
    tell; and whether the other machine is still there, only the kernel knows. A client that does not read is
    acknowledged, too: its machine answers that there is no room.
    """
    inside = transport.get_write_buffer_size()
    kernel: socket.socket | None = transport.get_extra_info("socket")
    info = b""
    if sys.platform == "linux" and kernel is not None and not transport.is_closing():
        info = kernel.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    if len(info) < _SIZE:  # an older kernel says less
        return Backlog(taken=-inside) if inside else None
    retransmits, probes, unacked, last_ack_recv, bytes_acked, notsent = _INFO.unpack(info)
    if not (inside or unacked or notsent):
        return None
    return Backlog(taken=bytes_acked, unanswered=last_ack_recv / 1000 if retransmits or probes else 0.0)
