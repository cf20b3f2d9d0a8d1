"""The listening socket. Every accepted connection inherits its options, at no cost each."""

import errno
import socket
from typing import NamedTuple

from tidings.domain.errors import InvalidSettings
from tidings.settings import Settings


class Listeners(NamedTuple):
    """The sockets that a process accepts on, bound; they do not listen yet."""

    public: socket.socket
    admin: socket.socket | None  # for operators, if there is to be one


def bind(settings: Settings, *, shared: bool = False) -> Listeners:
    """The sockets of the settings; `shared`: others may be bound to their addresses. Raises `InvalidSettings`."""
    public = _bound(settings.host, settings.port, heartbeat=settings.heartbeat, shared=shared)
    if not settings.admin_address:
        return Listeners(public, None)
    host, _, port = settings.admin_address.rpartition(":")
    try:
        return Listeners(public, _bound(host.strip("[]"), int(port), heartbeat=settings.heartbeat, shared=shared))
    except InvalidSettings:
        public.close()
        raise


def _bound(host: str, port: int, *, heartbeat: float, shared: bool) -> socket.socket:
    """A bound socket whose connections notice dead peers.

    A peer that is gone without a word is noticed within a heartbeat: in silence by these keep-alive probes, else by
    the heartbeat scheduler, which sees what is not acknowledged. (TCP_USER_TIMEOUT would see that too, but it also
    ends a client that reads slowly: Linux counts by it how long the client's buffer has no room for a whole segment.)
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
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


def address_of(listener: socket.socket) -> str:
    """The URL of what listens there."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def cannot_listen(host: str, port: int, error: OSError | OverflowError) -> InvalidSettings:
    """The refusal for an address that cannot be listened on."""
    code = getattr(error, "errno", None)
    reason = "something else is using it" if code == errno.EADDRINUSE else getattr(error, "strerror", None) or error
    return InvalidSettings(f"cannot listen on {host} port {port}: {reason}")
