"""Callers are counted by address, IPv6 by its /64, and behind a proxy by what the proxy says of them."""

import pytest

from tidings.limits.addresses import Proxies, network_of


@pytest.mark.parametrize(("host", "counted"), [
    ("192.0.2.1", "192.0.2.1"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
    ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
    ("::ffff:192.0.2.1", "192.0.2.1"),
    ("fe80::1%eth0", "fe80::/64"),
    ("unknown", "unknown"),
])  # fmt: skip
def test_host_chooses_no_other_name_within_its_network(host: str, counted: str) -> None:
    assert network_of(host) == counted


PROXIES = Proxies(["127.0.0.0/8", "10.0.0.0/8", "2001:db8:ffff::/48"])


@pytest.mark.parametrize(("peer", "forwarded", "caller"), [
    ("192.0.2.1", [], "192.0.2.1"),
    ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),  # no proxy: what it says counts for nothing
    ("127.0.0.1", [], None),  # this machine
    ("127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
    ("10.1.2.3", [], None),
    ("10.1.2.3", ["198.51.100.7, 192.0.2.1"], "192.0.2.1"),  # the caller wrote the first
    ("10.1.2.3", ["198.51.100.7", "192.0.2.1, 10.9.9.9"], "192.0.2.1"),
    ("10.1.2.3", ["10.0.0.1"], None),
    ("::ffff:10.1.2.3", ["192.0.2.1:4711"], "192.0.2.1"),
    ("2001:db8:ffff::1", ["[2001:db8:1:2::9]:80"], "2001:db8:1:2::/64"),
    ("10.1.2.3", ["nonsense"], "nonsense"),
    (None, [], None),
])  # fmt: skip
def test_caller_is_whom_the_last_proxy_saw(peer: str | None, forwarded: list[str], caller: str | None) -> None:
    assert PROXIES.caller(peer, forwarded) == caller


def test_this_machine_is_believed_by_no_one_who_trusts_no_proxy() -> None:
    nobody = Proxies([])
    assert nobody.caller("127.0.0.1", ["198.51.100.7"]) is None
    assert nobody.peer("::1") is None and nobody.peer("192.0.2.1") == "192.0.2.1"
