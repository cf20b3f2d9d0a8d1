"""File descriptors: as many as the system allows, and a few kept back."""

import logging
import os
import resource

RESERVED = 24  # descriptors kept back for the database, exports and the requests of connections that are open

_log = logging.getLogger("tidings.server")


def raise_limit(*, wanted: int) -> int:
    """Raise the soft limit to the hard one; return the sockets there is room for. Warn if those are below `wanted`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):  # macOS: "unlimited" is not taken
            pass
    sockets = max(1, soft - _open_now() - RESERVED)
    if sockets < wanted:
        _log.warning("few_file_descriptors", extra={"limit": soft, "sockets": sockets, "max_connections": wanted})
    return sockets


def _open_now() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 16
