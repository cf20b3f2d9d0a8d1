"""The listening socket. Every accepted connection inherits its options, at no cost each."""

import errno
import socket

from tidings.domain.errors import InvalidSettings
from tidings.settings import Settings


def bind(settings: Settings) -> socket.socket:
    """The public socket, bound; it does not listen yet. Raises `InvalidSettings`."""
    return _bound(settings.host, settings.port, heartbeat=settings.heartbeat)


def bind_admin(settings: Settings) -> socket.socket | None:
    """The socket for operators, if there is to be one. Raises `InvalidSettings`."""
    if not settings.admin_address:
        return None
    host, _, port = settings.admin_address.rpartition(":")
    return _bound(host.strip("[]"), int(port), heartbeat=settings.heartbeat)


def _bound(host: str, port: int, *, heartbeat: float) -> socket.socket:
    """A bound socket whose connections notice dead peers.

    A peer that is gone without a word is noticed within a heartbeat: in silence by these keep-alive probes, else by
    the heartbeat scheduler, which sees what is not acknowledged. (TCP_USER_TIMEOUT would see that too, but it also
    ends a client that reads slowly: Linux counts by it how long the client's buffer has no room for a whole segment.)
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        # The two add up: a heartbeat that is sent just before the probes give up has its own time to be
        # acknowledged, and nothing is probed meanwhile.
        quarter = max(1, int(heartbeat / 4))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, quarter)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, quarter // 2))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise cannot_listen(host, port, error) from error
    listener.setblocking(False)
    return listener


def cannot_listen(host: str, port: int, error: OSError | OverflowError) -> InvalidSettings:
    """The refusal for an address that cannot be listened on."""
    code = getattr(error, "errno", None)
    reason = "something else is using it" if code == errno.EADDRINUSE else getattr(error, "strerror", None) or error
    return InvalidSettings(f"cannot listen on {host} port {port}: {reason}")
