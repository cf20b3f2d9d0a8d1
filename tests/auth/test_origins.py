"""The hosts that are answered, and the pages that may read and act."""

import pytest

from tidings.auth.hosts import HostAllowlist, host_name, is_loopback
from tidings.auth.origins import OriginPolicy
from tidings.domain.errors import OriginForbidden

APP, EVIL, HOST = "https://app.example", "https://evil.example", "tidings.example:8000"


@pytest.mark.parametrize(
    ("host", "name"),
    [("A.Example:80", "a.example"), ("[::1]:8000", "[::1]"), ("a", "a"), ("a:", None), ("", None), ("a b", None),
     ("a@b", None), ("::1", None), ("a:80:80", None), ("a/b", None), ("a,b", None)],
)  # fmt: skip
def test_host_is_a_name_and_a_port_or_nothing(host: str, name: str | None) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("name", "local"),
    [("localhost", True), ("a.localhost", True), ("127.0.0.1", True), ("127.255.255.255", True), ("[::1]", True),
     ("localhost.", False), (".localhost", False), ("xlocalhost", False), ("127.0.0.256", False), ("127.0.0.01", False),
     ("127.1", False), ("[::]", False), ("localhost.evil.example", False), ("127.0.0.1.evil.example", False)],
)  # fmt: skip
def test_names_of_this_machine(name: str, local: bool) -> None:
    assert is_loopback(name) is local


def test_hosts_that_are_many_are_not_all_remembered() -> None:
    hosts = HostAllowlist(["a.example"], loopback_only=False)
    for n in range(5000):
        assert not hosts.allows(f"evil-{n}.example")
    assert hosts.allows("a.example:1") and len(hosts._known) <= 1000


@pytest.mark.parametrize(
    ("origin", "own"),
    [("http://tidings.example:8000", True), ("https://tidings.example:8000", True), ("https://tidings.example", False),
     ("https://evil.example", False), ("null", False), ("", False), ("ftp://tidings.example:8000", False),
     ("https://a@tidings.example:8000", False), ("https://tidings.example:8000/", False)],
)  # fmt: skip
def test_own_origin_is_that_of_the_host(origin: str, own: bool) -> None:
    assert OriginPolicy((), credentials=False, loopback=False).is_own(origin, HOST) is own


def test_empty_origin_is_not_that_of_an_empty_host() -> None:
    policy = OriginPolicy((), credentials=False, loopback=False)
    assert not any(policy.is_own(origin, host) for origin in ("", "http://", "null") for host in ("", None))


@pytest.mark.parametrize("credentials", [True, False])
def test_cookies_of_listed_pages_count_if_they_are_said_to(credentials: bool) -> None:
    policy = OriginPolicy([APP], credentials=credentials, loopback=False)
    if credentials:
        policy.check_ambient({"origin": APP, "host": HOST})
    else:
        with pytest.raises(OriginForbidden):
            policy.check_ambient({"origin": APP, "host": HOST})


@pytest.mark.parametrize("listed", [(), ("*",), (APP,)])
@pytest.mark.parametrize("headers", [{}, {"origin": EVIL}, {"origin": "null"}, {"sec-fetch-site": "cross-site"},
                                     {"origin": EVIL, "sec-fetch-site": "same-origin"}])  # fmt: skip
def test_cookie_from_another_origin_does_not_count(listed: tuple[str, ...], headers: dict[str, str]) -> None:
    with pytest.raises(OriginForbidden):
        OriginPolicy(listed, credentials=APP in listed, loopback=True).check_ambient({"host": HOST, **headers})
