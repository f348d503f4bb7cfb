from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import TimeStamped
from apps.labeling.types import Split

if TYPE_CHECKING:
    from apps.accounts.models import User

SPLIT_CHOICES = [
    (Split.VAL.value, _("Validation")),
    (Split.TEST.value, _("Test")),
    (Split.TRAIN.value, _("Training")),
]


class EvaluationQuerySet(models.QuerySet["Evaluation"]):
    def visible_to(self, user: "User") -> "EvaluationQuerySet":
        """Those on data of the user's workspaces."""
        return self.filter(workspace__memberships__user=user)

    def measured(self) -> "EvaluationQuerySet":
        return self.exclude(signature="")


class Evaluation(TimeStamped):
    """A model revision measured on a split of a dataset version by a job of ours.

    Attributes:
        workspace: That of the data.
        figures: AP and its relatives; empty until the job is done.
        weights_sha256: Of the file that ran.
        data_sha256: The version's content hash.
        code_version: Of the code that measured.
        signature: Over all of the above; see ``services.is_genuine``.
    """

    names_blobs = False  # remembers the weights; the repository has them
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    job = models.OneToOneField(
        "jobs.Job", on_delete=models.CASCADE, related_name="evaluation"
    )
    revision = models.ForeignKey(
        "marketplace.ModelRevision", on_delete=models.CASCADE, related_name="+"
    )
    version = models.ForeignKey(
        "labeling.DatasetVersion", on_delete=models.CASCADE, related_name="+"
    )
    split = models.CharField(max_length=5, choices=SPLIT_CHOICES)
    figures = models.JSONField(default=dict, blank=True)
    weights_sha256 = models.CharField(max_length=64, blank=True)
    data_sha256 = models.CharField(max_length=64, blank=True)
    code_version = models.CharField(max_length=120, blank=True)
    measured_at = models.DateTimeField(null=True, blank=True)
    signature = models.CharField(max_length=64, blank=True)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["version", "split"], name="evaluations_board"),
        ]

    def __str__(self) -> str:
        return f"evaluation {self.pk}"
