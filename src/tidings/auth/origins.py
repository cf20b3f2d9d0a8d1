"""The origins whose pages may call (RFC 6454; WHATWG Fetch, "HTTP CORS protocol"). See docs/decisions/19-csrf.md."""

from collections.abc import Mapping, Sequence

from tidings.auth.hosts import host_name, is_loopback
from tidings.domain.errors import OriginForbidden

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # methods without effects (RFC 9110, section 9.2.1)


class OriginPolicy:
    """The origins that may read what is answered, and those that may act by a credential that browsers add."""

    def __init__(self, listed: Sequence[str], *, credentials: bool, loopback: bool) -> None:
        """`loopback`: pages of this machine, any port, are listed too. `credentials`: cookies of listed pages count."""
        self._listed = frozenset(listed)
        self._credentials = credentials
        self._loopback = loopback

    @property
    def any(self) -> bool:
        """May every page read?"""
        return "*" in self._listed

    def allows(self, origin: str) -> bool:
        """May a page of this origin read what is answered?"""
        return self.any or origin in self._listed or (self._loopback and _is_loopback(origin))

    def is_own(self, origin: str, host: str | None) -> bool:
        """Is this the origin of the host that was asked? (Behind a proxy the scheme is not known.)"""
        scheme, _, authority = origin.partition("://")
        return scheme in {"http", "https"} and authority == (host or "").lower() != ""

    def check_page(self, headers: Mapping[str, str]) -> None:
        """A page that connects, whatever its credential is (CORS does not guard WebSockets). Raises `OriginForbidden`.

        Requests without Origin come from no browser.
        """
        origin = headers.get("origin")
        if origin is not None and not self.allows(origin) and not self.is_own(origin, headers.get("host")):
            raise OriginForbidden(f"{origin[:200]!r} is not one of the origins that may connect")

    def check_ambient(self, headers: Mapping[str, str]) -> None:
        """A request whose credential the browser adds by itself, and that changes something.

        It needs our own Origin, or a listed one whose cookies count; a browser that sends none says `Sec-Fetch-Site:
        same-origin`. Raises `OriginForbidden`.
        """
        origin = headers.get("origin")
        if origin is None:
            if headers.get("sec-fetch-site") != "same-origin":
                raise OriginForbidden("a change by a cookie needs an Origin that is ours or listed; by a token, none")
        elif not self.is_own(origin, headers.get("host")) and not (self._credentials and origin in self._listed):
            raise OriginForbidden(f"{origin[:200]!r} may do nothing by a cookie; it can use a token or a ticket")

    def check_not_cross_site(self, headers: Mapping[str, str]) -> None:
        """A GET with an effect, which a picture or a link in a foreign page must not have. Raises `OriginForbidden`."""
        origin = headers.get("origin")
        if headers.get("sec-fetch-site") == "cross-site" and (origin is None or not self.allows(origin)):
            raise OriginForbidden("a page of another site asks for this")

    def of_ticket(self, headers: Mapping[str, str]) -> frozenset[str]:
        """The origins for which a ticket may have been made that is used by this request; "" for a backend's.

        A browser names the origin of a page that is not ours, and leaves ours out of a GET.
        """
        origin, host = headers.get("origin"), headers.get("host", "").lower()
        if origin is None:
            return frozenset({"", f"http://{host}", f"https://{host}"})
        backend = self.allows(origin) or self.is_own(origin, host)
        return frozenset({origin, ""} if backend else {origin})


def _is_loopback(origin: str) -> bool:
    scheme, separator, rest = origin.partition("://")
    name = host_name(rest) if separator and scheme in {"http", "https"} else None
    return name is not None and is_loopback(name)
