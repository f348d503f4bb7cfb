from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.core.models import TimeStamped

if TYPE_CHECKING:
    from apps.accounts.models import User


class TransferSearchQuerySet(models.QuerySet["TransferSearch"]):
    def visible_to(self, user: "User") -> "TransferSearchQuerySet":
        """Those on data of the user's workspaces."""
        return self.filter(workspace__memberships__user=user)


class TransferSearch(TimeStamped):
    """Which model suits a few labeled images, as a job of ours measured.

    Attributes:
        workspace: That of the data; its licence rules hold.
        split: The images are of it alone; empty where of all.
        image_ids: Of the version's images.
        most_ms: What took longer a picture was left out.
        rows: One a model: ``revision_id``, ``left_out`` (see ``LeftOut``), ``reason``,
            and what was measured.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    job = models.OneToOneField(
        "jobs.Job", on_delete=models.CASCADE, related_name="transfer_search"
    )
    version = models.ForeignKey(
        "labeling.DatasetVersion", on_delete=models.CASCADE, related_name="+"
    )
    split = models.CharField(max_length=5, blank=True)
    image_ids = ArrayField(models.BigIntegerField())
    most_ms = models.FloatField(null=True, blank=True)
    rows = models.JSONField(default=list, blank=True)

    objects = TransferSearchQuerySet.as_manager()

    def __str__(self) -> str:
        return f"transfer search {self.pk}"
