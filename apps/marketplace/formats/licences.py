"""Licences by their SPDX identifiers."""

from django.utils.translation import gettext as _
from packaging.licenses import (
    InvalidLicenseExpression,
    canonicalize_license_expression,
)

from apps.marketplace.errors import BadLicenceError

UNKNOWN = "unknown"


def spdx_of(text: str) -> str:
    """Return the identifier as SPDX spells it; "unknown" for none and for what it lacks."""
    word = text.strip()
    if not word or " " in word or word.lower().startswith("licenseref-"):
        return UNKNOWN
    try:
        return str(canonicalize_license_expression(word))
    except InvalidLicenseExpression:
        return UNKNOWN


def check_licences(names: list[str]) -> list[str]:
    """Return identifiers for a rule, as SPDX spells them, each once.

    Raises:
        BadLicenceError: Names those that SPDX lacks.
    """
    wanted = [name.strip() for name in names if name.strip()]
    found = {name: spdx_of(name) for name in wanted}
    odd = [
        name
        for name, spdx in found.items()
        if spdx == UNKNOWN and name.lower() != UNKNOWN
    ]
    if odd:
        raise BadLicenceError(
            _(
                "{names}: SPDX has no such licence. Write identifiers such as MIT or "
                "Apache-2.0 (spdx.org/licenses), and unknown for all others"
            ).format(names=", ".join(name[:80] for name in odd[:10]))
        )
    return sorted(set(found.values()))
