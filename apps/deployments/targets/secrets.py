"""Credentials at rest: sealed with a key that is derived from the server's own."""

import base64
import json
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_bytes
from django.utils.translation import gettext as _

from apps.deployments.targets.errors import BadCredentialError

_PURPOSE = b"dsportal.deployments.targets.credentials"


def seal(values: Mapping[str, str]) -> bytes:
    return _box().encrypt(json.dumps(dict(values)).encode())


def unseal(sealed: bytes) -> dict[str, str]:
    """Open what :func:`seal` closed, also under a key that SECRET_KEY_FALLBACKS names.

    Raises:
        BadCredentialError: The server's key is another one now.
    """
    try:
        values: dict[str, str] = json.loads(_box().decrypt(sealed))
    except InvalidToken:
        raise BadCredentialError(
            _(
                "the credential was sealed under another SECRET_KEY: "
                "enter it again, or name the old key in SECRET_KEY_FALLBACKS"
            )
        ) from None
    return values


def _box() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_derived(key)) for key in keys])


def _derived(key: str | bytes) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE)
    return base64.urlsafe_b64encode(kdf.derive(force_bytes(key)))
