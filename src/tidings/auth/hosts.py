"""The host names that this server answers to (RFC 9110, section 7.2). DNS rebinding cannot forge the Host header."""

import re
from collections.abc import Sequence

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?")
_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_LOOPBACK = re.compile(rf"(?:[a-z0-9_-]+\.)*localhost|127(?:\.{_BYTE}){{3}}|\[::1\]")
_REMEMBERED = 1000  # Host fields, whose answer is looked up and not worked out


def host_name(host: str) -> str | None:
    """The name in a `Host` or an origin's authority, in lower case and without its port; None if it is none."""
    match = _HOST.fullmatch(host.lower())
    return None if match is None else match[1]


def is_loopback(name: str) -> bool:
    """Is this a name of this machine alone: localhost, *.localhost, 127.0.0.0/8, [::1]?"""
    return _LOOPBACK.fullmatch(name) is not None


class HostAllowlist:
    """The hosts that are answered."""

    def __init__(self, names: Sequence[str], *, loopback_only: bool) -> None:
        """`names`: exact, or `*.example.com` for all below it; none allows every host, unless `loopback_only`."""
        self._names = frozenset(name.lower() for name in names)
        self._loopback = loopback_only
        self._known: dict[str, bool] = {}

    @property
    def allows_all(self) -> bool:
        """Is every host answered?"""
        return not self._names and not self._loopback

    def allows(self, host: str) -> bool:
        """Is this the value of a `Host` field that is answered?"""
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[host] = self._allows(host)
        return known

    def _allows(self, host: str) -> bool:
        name = host_name(host)
        if name is None:
            return self.allows_all
        if self.allows_all or name in self._names or (self._loopback and is_loopback(name)):
            return True
        labels = name.split(".")
        return any(f"*.{'.'.join(labels[n:])}" in self._names for n in range(1, len(labels)))
