"""Keys of endpoints: random, shown once, kept as digests."""

import hashlib
import secrets

PREFIX = "dsk_"
NUM_SHOWN = 10  # of a key's first characters, so that people tell them apart


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """Return the SHA-256 of a key; 256 random bits need no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()


def slug_tail() -> str:
    return secrets.token_hex(3)
