"""Whether a revision is what this server signed."""

from dataclasses import dataclass

from apps.marketplace.formats.signatures import (
    BadSignatureError,
    Differences,
    compare,
    read,
)
from apps.marketplace.models import ModelRevision, Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signature that was checked just now.

    Attributes:
        differences: Between the files that were signed and those there are.
        problem: Why the signature itself does not hold; else empty.
    """

    bundle: str
    public_pem: str
    fingerprint: str
    differences: Differences | None
    problem: str = ""

    @property
    def holds(self) -> bool:
        return not self.problem and not self.differences


def signed(revision: ModelRevision) -> Signed | None:
    """Check a revision's signature; None where it was made before there were any."""
    row = Signature.objects.filter(revision=revision).select_related("key").first()
    if row is None:
        return None
    differences, problem = None, ""
    try:
        told = read(row.bundle, public_pem=row.key.public_pem)
        found = dict(revision.files.values_list("path", "sha256"))
        differences = compare(told, found)
    except BadSignatureError as exc:
        problem = str(exc)
    return Signed(
        bundle=row.bundle,
        public_pem=row.key.public_pem,
        fingerprint=row.key.fingerprint,
        differences=differences,
        problem=problem,
    )
