"""How secrets are made and compared: random, shown once, kept as digests."""

import hashlib
import secrets

PREFIX = "dsp_"


def new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return the SHA-256 of a secret; 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
