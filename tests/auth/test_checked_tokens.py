"""A token that was checked is not checked again, and still ends when it ends."""

import pytest

from tidings.auth.checked_tokens import TOKEN_SIZE_MAX, CheckedTokens
from tidings.auth.grants import Grant
from tidings.auth.revocations import Revocations
from tidings.domain.errors import InvalidToken
from tidings.domain.topics import User


class Checker:
    def __init__(self, *, most: int = 3) -> None:
        self.now, self.checked = 100.0, list[str]()
        self.revoked = Revocations()
        self.tokens = CheckedTokens(self.check, revoked=self.revoked, clock=lambda: self.now, most=most)

    async def check(self, token: str) -> Grant:
        self.checked.append(token)
        if token.startswith("bad"):
            raise InvalidToken("no")
        return Grant(user=User(token[:9]), expires=110, issued=50, token_id=f"id-{token[:9]}")


async def test_valid_token_is_checked_once() -> None:
    checker = Checker()
    assert [(await checker.tokens("alice")).user for _ in range(3)] == ["alice"] * 3
    assert checker.checked == ["alice"]


async def test_token_ends_though_it_was_checked() -> None:
    checker = Checker()
    await checker.tokens("alice")
    checker.now = 110.0
    with pytest.raises(InvalidToken):
        await checker.tokens("alice")
    assert checker.checked == ["alice"]


async def test_invalid_token_is_never_kept() -> None:
    checker = Checker()
    for _ in range(2):
        with pytest.raises(InvalidToken):
            await checker.tokens("bad")
    assert checker.checked == ["bad", "bad"]


async def test_least_recently_used_goes_first_and_long_ones_are_not_kept() -> None:
    checker = Checker(most=2)
    for token in ("a", "b", "a", "c", "a", "b"):
        await checker.tokens(token)
    assert checker.checked == ["a", "b", "c", "b"]
    for _ in range(2):
        await checker.tokens("x" * (TOKEN_SIZE_MAX + 1))
    assert checker.checked[4:] == ["x" * (TOKEN_SIZE_MAX + 1)] * 2


async def test_token_is_revoked_though_it_was_checked() -> None:
    checker = Checker()
    await checker.tokens("alice")
    checker.revoked.add(user=User("alice"), issued_before=50)
    await checker.tokens("alice")
    checker.revoked.add(user=User("alice"), issued_before=51)
    checker.revoked.add(user=User("alice"), issued_before=20)
    with pytest.raises(InvalidToken):
        await checker.tokens("alice")
    await checker.tokens("bob")
    checker.revoked.add(token_id="id-bob")
    with pytest.raises(InvalidToken):
        await checker.tokens("bob")
