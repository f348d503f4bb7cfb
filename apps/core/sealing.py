"""Secrets of others at rest: sealed with a key that is derived from the server's own."""

import base64
import json
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes


class OtherKeyError(Exception):
    """It was sealed under a key that the server no longer has."""


def seal(values: Mapping[str, str], *, purpose: bytes) -> bytes:
    """Seal texts; what is sealed for one purpose opens for no other."""
    return _box(purpose).encrypt(json.dumps(dict(values)).encode())


def unseal(sealed: bytes, *, purpose: bytes) -> dict[str, str]:
    """Open what :func:`seal` closed, also under a key that SECRET_KEY_FALLBACKS names.

    Raises:
        OtherKeyError: The server's key is another one now.
    """
    try:
        values: dict[str, str] = json.loads(_box(purpose).decrypt(sealed))
    except InvalidToken as exc:
        raise OtherKeyError from exc
    return values


def _box(purpose: bytes) -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(key, purpose)) for key in keys])


def _derived(key: str | bytes, purpose: bytes) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose)
    return base64.urlsafe_b64encode(kdf.derive(force_bytes(key)))
