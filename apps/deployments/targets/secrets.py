"""Credentials at rest, sealed."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from apps.core import sealing
from apps.deployments.targets.errors import BadCredentialError

_PURPOSE = b"dsportal.deployments.targets.credentials"


def seal(values: Mapping[str, str]) -> bytes:
    return sealing.seal(values, purpose=_PURPOSE)


def unseal(sealed: bytes) -> dict[str, str]:
    """Open what :func:`seal` closed, also under a key that SECRET_KEY_FALLBACKS names.

    Raises:
        BadCredentialError: The server's key is another one now.
    """
    try:
        return sealing.unseal(sealed, purpose=_PURPOSE)
    except sealing.OtherKeyError:
        raise BadCredentialError(
            _(
                "the credential was sealed under another SECRET_KEY: "
                "enter it again, or name the old key in SECRET_KEY_FALLBACKS"
            )
        ) from None
