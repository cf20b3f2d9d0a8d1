"""The keys that tokens are checked with. Each has one algorithm (RFC 8725, section 3.1): a token cannot choose."""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import jwt
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tidings.domain.errors import InvalidSettings

RSA_MIN = 2048  # bits (RFC 7518, section 3.3)

_PEM = re.compile(r"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----", re.DOTALL)


class VerificationKey(NamedTuple):
    """A key, the algorithm it is for, and its name in a key set."""

    algorithm: str  # HS256, RS256, ES256 or EdDSA
    key: Any
    kid: str | None = None


def secret_keys(text: str) -> list[VerificationKey]:
    """The HS256 keys of a setting: the secrets in it, one a line."""
    return [VerificationKey("HS256", secret.encode()) for secret in secrets_of(text)]


def secrets_of(text: str) -> list[str]:
    """The secrets of a setting. The first signs, all of them check."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def pem_keys(text: str) -> list[VerificationKey]:
    """Public keys in PEM, one after the other: RSA, P-256 or Ed25519. Raises `InvalidSettings`."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    keys = []
    for pem in _PEM.findall(text):
        if "PRIVATE" in pem:
            raise InvalidSettings("token_keys holds a private key: the server needs the public one")
        try:
            key: object = load_pem_public_key(pem.encode())
        except Exception as error:  # its kinds differ from version to version
            raise InvalidSettings(f"token_keys holds a key that cannot be read: {error}") from error
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_MIN:
            keys.append(VerificationKey("RS256", key))
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            keys.append(VerificationKey("ES256", key))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            keys.append(VerificationKey("EdDSA", key))
        else:
            raise InvalidSettings(f"token_keys takes RSA (of {RSA_MIN} bits), P-256 and Ed25519 keys")
    if text.strip() and not keys:
        raise InvalidSettings("token_keys holds no PEM key")
    return keys


def jwks_keys(document: bytes) -> list[VerificationKey]:
    """The usable keys of a JSON Web Key Set (RFC 7517); others are passed over, as section 5 says.

    Raises `ValueError` if it is no key set.
    """
    found = json.loads(document)
    members = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(members, list):
        raise ValueError("it is no key set: there is no list of keys in it")
    return [key for member in members if isinstance(member, dict) and (key := _jwk(member)) is not None]


def _jwk(member: dict[str, Any]) -> VerificationKey | None:
    """The key of a JWK; None for an unsupported one, `oct` too: a symmetric key in a public document is no secret."""
    kinds: dict[tuple[Any, Any], tuple[str, Any]] = {
        ("RSA", None): ("RS256", RSAAlgorithm),
        ("EC", "P-256"): ("ES256", ECAlgorithm),
        ("OKP", "Ed25519"): ("EdDSA", OKPAlgorithm),
    }
    kind = kinds.get((member.get("kty"), member.get("crv") if member.get("kty") != "RSA" else None))
    operations = member.get("key_ops")
    if kind is None or member.get("use", "sig") != "sig" or "d" in member:
        return None
    if isinstance(operations, list) and "verify" not in operations:
        return None
    algorithm, reader = kind
    if member.get("alg", algorithm) not in ({algorithm, "Ed25519"} if algorithm == "EdDSA" else {algorithm}):
        return None
    try:
        key = reader.from_jwk(member)
    except (jwt.InvalidKeyError, ValueError, TypeError, KeyError):
        return None
    if algorithm == "RS256" and key.key_size < RSA_MIN:
        return None
    kid = member.get("kid")
    return VerificationKey(algorithm, key, kid if isinstance(kid, str) else None)


def matching(keys: Sequence[VerificationKey], *, algorithm: object, kid: object) -> list[VerificationKey]:
    """The keys that may have signed a token with this header. A key without a name matches every name."""
    return [key for key in keys if key.algorithm == algorithm and (key.kid is None or kid in (None, key.kid))]
