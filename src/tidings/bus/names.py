"""Names on servers that several installations share, derived from the log's identity. Pure."""

import hashlib


def channel_name(identity: str) -> str:
    """The channel on which the nodes of one log hear each other."""
    return f"tidings:{identity}"


def lock_number(identity: str, purpose: str) -> int:
    """A lock of one log for one purpose, as the signed 64-bit number that PostgreSQL's advisory locks take."""
    digest = hashlib.blake2b(f"{identity}\n{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
