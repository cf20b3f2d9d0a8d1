"""The address that a caller is counted by, and the proxies that speak for others."""

import ipaddress
from collections.abc import Iterable, Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_SITE = 64  # bits of an IPv6 address; the rest of it a host chooses by itself, anew for each connection if it likes


def network_of(host: str) -> str:
    """The address or, of IPv6, the /64 that a host is counted by; the text itself if it is no address."""
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, _SITE), strict=False))


class Proxies:
    """Tells who is behind a peer. Callers of this machine for whom no proxy speaks are not counted by address."""

    def __init__(self, networks: Iterable[str]) -> None:
        """`networks`: addresses or networks of proxies whose `X-Forwarded-For` is believed. Raises `ValueError`."""
        self._networks: Sequence[Network] = [ipaddress.ip_network(text) for text in networks]
        self._known: dict[str, bool] = {}  # peers: is it a proxy, or of this machine?

    def peer(self, host: str | None) -> str | None:
        """The name that a peer's sockets are counted under; None for proxies and this machine, not counted."""
        return None if host is None or self._speaks_for_others(host) else network_of(host)

    def caller(self, host: str | None, forwarded: Sequence[str]) -> str | None:
        """The name that a peer's requests are counted under, given the values of its `X-Forwarded-For` fields in order.

        Each proxy adds the address of its own peer at the end, so the last that is no proxy's is the caller's: the
        caller may have written those before it.
        """
        if host is None or not self._speaks_for_others(host):
            return self.peer(host)
        if not forwarded or not self._trusts(host):
            return None
        for text in reversed(",".join(forwarded).split(",")):
            named = _without_port(text.strip())
            if not self._trusts(named):
                return network_of(named)
        return None

    def _speaks_for_others(self, host: str) -> bool:
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= 1000:
                self._known.clear()
            known = self._known[host] = self._trusts(host) or _is_loopback(host)
        return known

    def _trusts(self, host: str) -> bool:
        address = _address(host)
        return address is not None and any(address in network for network in self._networks)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return address is not None and address.is_loopback


def _without_port(text: str) -> str:
    """`[2001:db8::1]:80` and `192.0.2.1:80` -> the address: some proxies add the port."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
