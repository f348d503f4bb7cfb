"""What looking into uploaded files found."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.marketplace.models.revisions import ModelRevision
from apps.marketplace.types import Verdict

VERDICT_CHOICES = [
    (Verdict.CLEAN, _("clean")),
    (Verdict.SUSPICIOUS, _("suspicious")),
    (Verdict.NOT_COVERED, _("not covered")),
]


class FileScan(models.Model):
    """What bytes under a kind of name could do; the same wherever they lie.

    Attributes:
        suffix: Of the name: the same bytes are harmless as one kind and not as another.
        version: Of the scanners.
        found: Each a code, what it is about, and the scanner that said so.
        scanners: Which looked.
    """

    names_blobs = False
    sha256 = models.CharField(max_length=64)
    suffix = models.CharField(max_length=16)
    version = models.PositiveSmallIntegerField()
    verdict = models.CharField(max_length=12, choices=VERDICT_CHOICES)
    found = models.JSONField(default=list)
    scanners = ArrayField(models.CharField(max_length=24), default=list)
    scanned_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sha256", "suffix"], name="scanned_once")
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:12]}{self.suffix}: {self.verdict}"


class Clearance(models.Model):
    """A manager looked at what scanners found in a revision, and lets it be used."""

    revision = models.OneToOneField(
        ModelRevision, on_delete=models.CASCADE, related_name="clearance"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    reason = models.CharField(max_length=500)
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.revision}: {self.reason}"
