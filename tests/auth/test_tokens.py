"""A token is ours, in time, and grants what it says, or it is refused."""

import base64
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm

from tidings.auth.grants import Grant
from tidings.auth.keys import pem_keys, secret_keys, secrets_of
from tidings.auth.tokens import LEEWAY, TokenChecker, TokenRules, issue
from tidings.auth.tokens import check as check_with
from tidings.domain.errors import InvalidSettings, InvalidToken
from tidings.domain.topics import Topic, User

SECRET = "s" * 32
PAST, FUTURE = 1_700_000_000, 4_000_000_000  # seconds since 1970; no run of these tests is so old or so late


AGES = TokenRules(max_age=4_000_000_000)


def check(token: str, secret: str = SECRET, *, rules: TokenRules = AGES) -> Grant:
    return check_with(token, secret_keys(secret), rules=rules, now=(PAST + FUTURE) / 2)


def signed(claims: dict[str, Any], *, secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


def test_it_grants_what_was_issued() -> None:
    token = issue(
        SECRET, user=User("a@x.io"), publish=True, topics=[Topic("author/4")], now=PAST, lifetime=FUTURE - PAST
    )  # fmt: skip
    assert check(token, SECRET) == Grant(
        user=User("a@x.io"), publish=True, topics=frozenset({Topic("author/4")}), expires=FUTURE, issued=PAST
    )


def test_token_without_a_claim_does_not_grant_it() -> None:
    token = issue(SECRET, user=None, publish=False, topics=[], now=PAST, lifetime=FUTURE - PAST)
    assert check(token, SECRET) == Grant(expires=FUTURE, issued=PAST)


BAD: dict[str, str] = {
    "nothing": "",
    "not a token": "a.b.c",
    "another secret": signed({"sub": "a", "exp": FUTURE}, secret="t" * 32),
    "its time is over": signed({"sub": "a", "exp": PAST}),
    "no end": signed({"sub": "a"}),
    "not yet": signed({"sub": "a", "exp": FUTURE, "nbf": FUTURE - 1}),
    "another algorithm": signed({"sub": "a", "exp": FUTURE}, secret="s" * 64, algorithm="HS512"),
    "no algorithm": signed({"sub": "a", "exp": FUTURE}, secret="", algorithm="none"),
    "no user": signed({"sub": "", "exp": FUTURE}),
    "not a user": signed({"sub": "a/b", "exp": FUTURE}),
    "a topic that is none": signed({"sub": "a", "exp": FUTURE, "topics": ["a b"]}),
    "topics as a text": signed({"sub": "a", "exp": FUTURE, "topics": "ab"}),
    "topics as an object": signed({"sub": "a", "exp": FUTURE, "topics": {"ab": 1}}),
    "topics as numbers": signed({"sub": "a", "exp": FUTURE, "topics": [1]}),
    "an end that is none": signed({"sub": "a", "exp": "soon"}),
    "an end at infinity": signed({"sub": "a", "exp": float("inf")}),
    "an end that no clock can say": signed({"sub": "a", "exp": 10**400}),
    "an end after the year 9999": signed({"sub": "a", "exp": 253_402_300_800}),
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD)
def test_faulty_token_raises_invalid_token_and_nothing_else(token: str) -> None:
    with pytest.raises(InvalidToken):
        check(token, SECRET)


@pytest.mark.parametrize("claim", ["true", 1, "yes", [True], None])
def test_only_true_lets_publish(claim: Any) -> None:
    assert not check(signed({"exp": FUTURE, "publish": claim}), SECRET).publish


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
    )
)
def test_token_with_any_claims_is_a_grant_or_an_invalid_token(value: Any) -> None:
    for name in ("sub", "topics", "exp", "publish"):
        try:
            token = signed({"exp": FUTURE, name: value})
        except TypeError:
            token = jwt.api_jws.encode(json.dumps({"exp": FUTURE, name: value}).encode(), SECRET, algorithm="HS256")
        try:
            grant = check(token, SECRET)
        except InvalidToken:
            continue
        assert grant.publish is (name == "publish" and value is True)


@given(st.text(max_size=30) | st.binary(max_size=30).map(lambda data: data.decode("latin-1")))
def test_any_text_as_a_token_raises_nothing_but_invalid_token(text: str) -> None:
    with pytest.raises(InvalidToken):
        check(text, SECRET)


# Signature, audience and times: RFC 8725 and RFC 7519


NOW = 2_000_000_000
OURS = TokenRules()
ES, OTHER_ES = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: Any) -> str:
    public: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return public.decode()


KEYS = [*secret_keys(SECRET), *pem_keys(pem(ES) + pem(ED) + pem(RSA))]


def take(token: str, rules: TokenRules = OURS) -> Grant:
    return check_with(token, KEYS, rules=rules, now=NOW)


def made(key: Any = ES, algorithm: str = "ES256", headers: dict[str, Any] | None = None, **claims: Any) -> str:
    return jwt.encode({"sub": "a", "exp": NOW + 60, **claims}, key, algorithm=algorithm, headers=headers)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(SECRET, "HS256"), (RSA, "RS256"), (ES, "ES256"), (ED, "EdDSA")],
    ids=lambda one: str(one)[:9],
)
def test_each_algorithm_is_taken_with_its_key(key: Any, algorithm: str) -> None:
    assert take(made(key, algorithm)).user == "a"


def hmac_by_public_key(key: Any) -> str:
    """PyJWT refuses to make it, an attacker does not."""
    signing = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "HS256", "typ": "JWT"}, {"sub": "a", "exp": NOW + 60})
    )
    mac = hmac.digest(pem(key).encode(), signing.encode(), "sha256")
    return f"{signing}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


FOREIGN = {
    "another key": made(OTHER_ES),
    "a public key as a secret": hmac_by_public_key(RSA),
    "another algorithm of the key's family": made(RSA, "RS512"),
    "PSS with the RSA key": made(RSA, "PS256"),
    "its own key in the head": made(OTHER_ES, headers={"jwk": json.loads(ECAlgorithm.to_jwk(OTHER_ES.public_key()))}),
    "its own key by URL": made(OTHER_ES, headers={"jku": "https://evil.example/jwks", "x5u": "https://evil.example/x"}),
    "an extension that is critical": made(headers={"crit": ["exp"], "exp": 1}),
}


@pytest.mark.parametrize("token", FOREIGN.values(), ids=FOREIGN)
def test_token_does_not_choose_its_key(token: str) -> None:
    with pytest.raises(InvalidToken):
        take(token)


@pytest.mark.parametrize(
    ("claims", "good"),
    [
        ({"exp": NOW}, False),
        ({"exp": NOW + 0.5}, True),
        ({"exp": NOW + 24 * 3600}, True),
        ({"exp": NOW + 24 * 3600 + LEEWAY + 1}, False),
        ({"exp": True}, False),
        ({"exp": str(NOW + 60)}, False),
        ({"exp": None}, False),
        ({"nbf": NOW + LEEWAY}, True),
        ({"nbf": NOW + LEEWAY + 1}, False),
        ({"nbf": "soon"}, False),
        ({"iat": NOW + LEEWAY}, True),
        ({"iat": NOW + LEEWAY + 1}, False),
        ({"iat": False}, False),
        ({"sub": 5}, False),
        ({"sub": ["a"]}, False),
        ({"jti": 5}, False),
        ({"jti": "j" * 201}, False),
        ({"aud": "us"}, False),
        ({"aud": []}, False),
        ({"iss": "anybody"}, True),
    ],
)
def test_times_and_claims_without_a_setting(claims: dict[str, Any], good: bool) -> None:
    if good:
        take(made(**claims))
    else:
        with pytest.raises(InvalidToken):
            take(made(**claims))


@pytest.mark.parametrize(
    ("claims", "headers", "good"),
    [
        ({"aud": "us", "iss": "https://id"}, {"typ": "at+jwt"}, True),
        ({"aud": ["them", "us"], "iss": "https://id"}, {"typ": "application/at+JWT"}, True),
        ({"iss": "https://id"}, {"typ": "at+jwt"}, False),
        ({"aud": "them", "iss": "https://id"}, {"typ": "at+jwt"}, False),
        ({"aud": {"us": 1}, "iss": "https://id"}, {"typ": "at+jwt"}, False),
        ({"aud": "us", "iss": "https://id.evil"}, {"typ": "at+jwt"}, False),
        ({"aud": "us"}, {"typ": "at+jwt"}, False),
        ({"aud": "us", "iss": "https://id"}, {"typ": "JWT"}, False),
        ({"aud": "us", "iss": "https://id"}, {"typ": "logout+jwt"}, False),
    ],
)
async def test_audience_issuer_and_type_must_match(claims: dict[str, Any], headers: dict[str, Any], good: bool) -> None:
    rules = TokenRules(audience=frozenset({"us", "ours"}), issuer="https://id", type="at+jwt")
    checker = TokenChecker(KEYS, rules=rules, clock=lambda: NOW)
    if good:
        assert (await checker(made(headers=headers, **claims))).user == "a"
    else:
        with pytest.raises(InvalidToken):
            await checker(made(headers=headers, **claims))


async def test_token_of_another_kind_is_no_token() -> None:
    checker = TokenChecker(KEYS, rules=OURS, clock=lambda: NOW)
    for kind in ("logout+jwt", "at+jwt", "dpop+jwt", 5):
        with pytest.raises(InvalidToken):
            await checker(made(headers={"typ": kind}))
    assert (await checker(made(headers={"typ": None}))).user == (await checker(made(headers={"typ": "jwt"}))).user


def test_topics_come_from_the_claim_that_is_named() -> None:
    name = "https://tidings.example/topics"
    claims: dict[str, Any] = {name: ["author/4"], "topics": ["author/5"]}
    assert take(made(**claims), TokenRules(topics_claim=name)).topics == frozenset({Topic("author/4")})


def test_several_secrets_check_and_the_first_signs() -> None:
    old, new = "o" * 32, "n" * 32
    keys = secret_keys(f"{new}\n\n {old} \n")
    for secret in (old, new):
        assert check_with(made(secret, "HS256"), keys, rules=OURS, now=NOW).user == "a"
    assert secrets_of(f"{new}\n{old}")[0] == new


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)),
        pem(ec.generate_private_key(ec.SECP384R1())),
        ES.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    ],
)
def test_key_that_is_none_is_refused_before_it_is_used(text: str) -> None:
    with pytest.raises(InvalidSettings):
        pem_keys(text)
