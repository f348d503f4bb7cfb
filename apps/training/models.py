from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.core.models import TimeStamped
from apps.training.types import RunDevice


class TrainingRun(TimeStamped):
    """A model in the making: what goes in, what came out; its job does the work.

    Attributes:
        name: Also that of the model.
        changes: What of the preset's recipe was changed.
        recipe: Every number of it, as it was when the run was made.
        best: Figures of the best evaluation so far.
        best_step: When that was.
        samples: Predictions on a few validation pictures, of the last evaluation.
        images_per_s: Middle of what was measured; None before.
        result_revision: The published model.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    job = models.OneToOneField(
        "jobs.Job", on_delete=models.CASCADE, related_name="training_run"
    )
    name = models.CharField(max_length=90)
    notes = models.TextField(blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    dataset_version = models.ForeignKey(
        "labeling.DatasetVersion", on_delete=models.PROTECT
    )
    base_revision = models.ForeignKey(
        "marketplace.ModelRevision",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    cloned_from = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL
    )
    preset = models.CharField(max_length=32)
    changes = models.JSONField(default=dict, blank=True)
    recipe = models.JSONField(default=dict)
    device = models.CharField(
        max_length=8, choices=[(one, one.value) for one in RunDevice]
    )
    licence = models.CharField(max_length=64, default="apache-2.0")
    code_version = models.CharField(max_length=64, blank=True)
    estimate_s = models.FloatField(null=True, blank=True)
    images_per_s = models.FloatField(null=True, blank=True)
    best = models.JSONField(default=dict, blank=True)
    best_step = models.PositiveIntegerField(default=0)
    samples = models.JSONField(default=dict, blank=True)
    verdict = models.JSONField(default=dict, blank=True)
    result_revision = models.ForeignKey(
        "marketplace.ModelRevision",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at"])]

    def __str__(self) -> str:
        return self.name


class RunSeries(models.Model):
    """One curve of a run, in two arrays; steps ascend."""

    run = models.ForeignKey(
        TrainingRun, on_delete=models.CASCADE, related_name="series"
    )
    name = models.CharField(max_length=64)
    steps = ArrayField(models.IntegerField(), default=list)
    values = ArrayField(models.FloatField(), default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "name"], name="run_series_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.name}"
