"""Keys from a URL: fetched when they are needed, kept when it fails, and not fetched for each invented key id."""

import asyncio
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tidings.auth.jwks import COOLDOWN, KEYS_FRESH, RETRY, RemoteKeys
from tidings.auth.keys import jwks_keys
from tidings.domain.errors import KeysUnavailable


def member(kid: str, **more: Any) -> dict[str, Any]:
    return {**json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key())), "kid": kid, **more}


class Provider:
    """A key set, a clock, and how often it was asked."""

    def __init__(self, *kids: str) -> None:
        self.kids, self.now, self.asked, self.down = list(kids), 1000.0, 0, False
        self.answering = asyncio.Event()
        self.answering.set()
        self.remote = RemoteKeys(self.fetch, clock=lambda: self.now)

    async def fetch(self) -> bytes:
        self.asked += 1
        await self.answering.wait()
        if self.down:
            raise OSError("down")
        return json.dumps({"keys": [member(kid) for kid in self.kids]}).encode()

    async def kids_for(self, kid: str | None) -> list[str | None]:
        return [key.kid for key in await self.remote.keys(kid=kid)]


async def test_keys_are_fetched_once_for_all_who_wait() -> None:
    provider = Provider("a")
    provider.answering.clear()
    waiting = [asyncio.create_task(provider.kids_for("a")) for _ in range(20)]
    await asyncio.sleep(0)
    provider.answering.set()
    assert await asyncio.gather(*waiting) == [["a"]] * 20
    assert await provider.kids_for("a") == ["a"]
    assert provider.asked == 1


async def test_unknown_name_fetches_again_once_a_cooldown() -> None:
    provider = Provider("a")
    await provider.kids_for("a")
    for n in range(100):
        assert await provider.kids_for(f"made-up-{n}") == ["a"]
    assert provider.asked == 1
    provider.kids.append("b")
    provider.now += COOLDOWN
    assert await provider.kids_for("b") == ["a", "b"]
    for n in range(100):
        await provider.kids_for(f"made-up-{n}")
    assert provider.asked == 2


async def test_stale_keys_serve_while_the_url_fails_or_hangs() -> None:
    provider = Provider("a")
    await provider.kids_for("a")
    provider.now += KEYS_FRESH
    provider.down = True
    for _ in range(5):
        assert await provider.kids_for("a") == ["a"]
        await asyncio.sleep(0)
    assert provider.asked == 2
    provider.now += RETRY
    provider.answering.clear()
    assert await asyncio.wait_for(provider.kids_for("a"), 1) == ["a"]  # it does not wait
    await asyncio.sleep(0)
    assert provider.asked == 3
    await provider.remote.close()


async def test_no_token_is_valid_without_keys() -> None:
    provider = Provider("a")
    provider.down = True
    for _ in range(10):
        with pytest.raises(KeysUnavailable):
            await provider.kids_for("a")
    assert provider.asked == 1
    provider.down, provider.now = False, provider.now + RETRY
    assert await provider.kids_for("a") == ["a"]


def test_of_a_key_set_what_can_be_used_is_and_the_rest_is_passed_over() -> None:
    weak = json.loads(RSAAlgorithm.to_jwk(rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()))
    private = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1())))
    keys = [
        member("good"),
        member("for encryption", use="enc"),
        member("of another algorithm", alg="ES384"),
        member("does not verify", key_ops=["sign"]),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric", "alg": "HS256"},
        {"kty": "EC", "crv": "P-256", "kid": "broken", "x": "!", "y": "!"},
        {**weak, "kid": "weak"},
        {**private, "kid": "private"},
        "no object",
    ]
    assert [key.kid for key in jwks_keys(json.dumps({"keys": keys}).encode())] == ["good"]


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys": {}}', b"\xff", b"<html>"])
def test_document_that_is_no_key_set_is_an_error(document: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any kind
        jwks_keys(document)
