"""Names of epochs."""

import secrets

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def new_epoch() -> str:
    """A name that no other log has."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))
