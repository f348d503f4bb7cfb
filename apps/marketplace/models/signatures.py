"""Signatures of revisions, and the keys that made them."""

from django.db import models

from apps.marketplace.models.revisions import ModelRevision


class SigningKey(models.Model):
    """A key of this server; its private half is sealed with the server's secret.

    Older keys stay, so that what they signed can be checked.

    Attributes:
        fingerprint: The SHA-256 of the public half, as signatures name it.
    """

    names_blobs = False
    fingerprint = models.CharField(max_length=64, unique=True)
    public_pem = models.TextField()
    sealed = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.fingerprint[:12]


class Signature(models.Model):
    """What this server signed when a revision was made.

    Attributes:
        bundle: In the format of OpenSSF Model Signing; JSON.
    """

    names_blobs = False
    revision = models.OneToOneField(
        ModelRevision, on_delete=models.CASCADE, related_name="signature"
    )
    key = models.ForeignKey(SigningKey, on_delete=models.PROTECT)
    bundle = models.TextField()
    signed_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.revision_id} by {self.key_id}"
