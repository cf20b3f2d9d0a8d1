"""Links are good for one path and user until a time, and through a change of the secret."""

from urllib.parse import parse_qsl

import pytest

from tidings.auth.signed_links import SignedLinks
from tidings.domain.errors import LinkExpired
from tidings.domain.topics import User

OLD, NEW = "o" * 32, "n" * 32
PATH, ALICE = "/files/1.xlsx", User("alice")


def signed(*secrets: str) -> dict[str, str]:
    return dict(parse_qsl(SignedLinks(secrets).query(PATH, ALICE, expires=100)))


@pytest.mark.parametrize("secrets", [(OLD,), (NEW, OLD), (OLD, NEW)])
def test_link_is_good_while_one_of_the_secrets_has_signed_it(secrets: tuple[str, ...]) -> None:
    assert SignedLinks(secrets).user(PATH, signed(OLD), now=99) == ALICE


def test_link_is_signed_by_the_first_secret() -> None:
    assert signed(NEW, OLD) == signed(NEW) != signed(OLD)


@pytest.mark.parametrize("change", [
    {"user": "bob"}, {"expires": "101"}, {"signature": ""}, {"signature": "é"}, {"signature": signed(NEW)["signature"]},
])  # fmt: skip
def test_link_that_was_changed_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(LinkExpired):
        SignedLinks([OLD]).user(PATH, signed(OLD) | change, now=1)


def test_link_ends_and_is_for_one_path() -> None:
    for path, now in ((PATH, 100), ("/files/2.xlsx", 1)):
        with pytest.raises(LinkExpired):
            SignedLinks([OLD]).user(path, signed(OLD), now=now)
