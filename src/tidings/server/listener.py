"""The listening socket. Every accepted connection inherits its options, at no cost each."""

import errno
import socket

from tidings.domain.errors import InvalidSettings
from tidings.settings import Settings


def bind(settings: Settings) -> socket.socket:
    """A bound socket that does not listen yet. Raises `InvalidSettings`.

    A peer that is gone without a word is noticed within a heartbeat: in silence by these keep-alive probes, else by
    the heartbeat scheduler, which sees what is not acknowledged. (TCP_USER_TIMEOUT would see that too, but it also
    ends a client that reads slowly: Linux counts by it how long the client's buffer has no room for a whole segment.)
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        # The two add up: a heartbeat that is sent just before the probes give up has its own time to be
        # acknowledged, and nothing is probed meanwhile.
        quarter = max(1, int(settings.heartbeat / 4))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, quarter)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, quarter // 2))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise cannot_listen(settings, error) from error
    listener.setblocking(False)
    return listener


def cannot_listen(settings: Settings, error: OSError) -> InvalidSettings:
    """The refusal for an address that cannot be listened on."""
    reason = "something else is using it" if error.errno == errno.EADDRINUSE else error.strerror
    return InvalidSettings(f"cannot listen on {settings.host} port {settings.port}: {reason}")
