"""Which licences a workspace works with."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.core.models import TimeStamped


class LicenceRules(TimeStamped):
    """What a workspace's owner said; a denied licence is denied though it is allowed too.

    Attributes:
        allowed: SPDX identifiers, or "unknown"; empty allows all that is not denied.
        denied: The same.
    """

    workspace = models.OneToOneField(
        "accounts.Workspace", on_delete=models.CASCADE, related_name="+"
    )
    allowed = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    denied = ArrayField(models.CharField(max_length=64), default=list, blank=True)

    def __str__(self) -> str:
        return f"licences of {self.workspace_id}"
