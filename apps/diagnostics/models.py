from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.core.models import TimeStamped


class Report(TimeStamped):
    """A model measured on a dataset version; its job does the work.

    Attributes:
        model_name: As it was called; stays when the model goes.
        tools: Ids of the catalog, in its order.
        splits: Empty is all images.
        earlier: The report after whose action this one measures again.
        refusal: Why the measuring could not be: its marked sentence and figures.
        marks: By the number of a picture behind a chart the rows of its marks.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    job = models.OneToOneField(
        "jobs.Job", on_delete=models.CASCADE, related_name="diagnostic_report"
    )
    model_name = models.CharField(max_length=250)
    revision = models.ForeignKey(
        "marketplace.ModelRevision",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    other_revision = models.ForeignKey(
        "marketplace.ModelRevision",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    version = models.ForeignKey(
        "labeling.DatasetVersion", on_delete=models.PROTECT, related_name="+"
    )
    reference_version = models.ForeignKey(
        "labeling.DatasetVersion",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    run = models.ForeignKey(
        "training.TrainingRun",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    earlier = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL
    )
    tools = ArrayField(models.CharField(max_length=32))
    splits = ArrayField(models.CharField(max_length=5), default=list, blank=True)
    mapping = models.JSONField(default=dict, blank=True)
    options = models.JSONField(default=dict, blank=True)
    seed = models.PositiveIntegerField(default=0)
    num_images = models.PositiveIntegerField(default=0)
    estimate_s = models.FloatField(null=True, blank=True)
    refusal = models.JSONField(default=dict, blank=True)
    marks = models.JSONField(default=dict, blank=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.model_name} · {self.version}"


class Promise(models.Model):
    """That a report is measured again once what it advised is done.

    Attributes:
        image_ids: Images that went back; each is to be submitted again.
        job: Makes the model to measure; with it ``image_ids`` is empty.
    """

    report = models.ForeignKey(
        Report, on_delete=models.CASCADE, related_name="promises"
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    image_ids = ArrayField(models.BigIntegerField(), default=list, blank=True)
    job = models.ForeignKey(
        "jobs.Job", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )

    def __str__(self) -> str:
        return f"measure report {self.report_id} again"


class ToolResult(models.Model):
    """What one tool said; all of a report's are written at once, when it is whole.

    Attributes:
        tool_version: Of the tool's method.
        content: See deepseek_diagnostics.result.
        seconds: Work that it took, also where it came from the cache.
    """

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="results")
    tool = models.CharField(max_length=32)
    tool_version = models.PositiveIntegerField()
    content = models.JSONField()
    seconds = models.FloatField(default=0)
    peak_mb = models.FloatField(default=0)
    is_cached = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["report", "tool"], name="tool_result_once_a_report"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.report_id} {self.tool}"
