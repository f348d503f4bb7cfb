from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from apps.core.models import TimeStamped

KEPT = timedelta(days=1)


class TrialQuerySet(models.QuerySet["Trial"]):
    def over(self) -> "TrialQuerySet":
        """Those whose pictures nobody needs any more."""
        return self.filter(created_at__lt=timezone.now() - KEPT)


class Trial(TimeStamped):
    """A picture that somebody gave to a model, and what the model said.

    Attributes:
        sha256: The picture's blob; it goes with this row, after a day.
        answer: As ``POST /predict`` gives it; empty until the job is done.
        load_ms: What loading the model took.
        time_ms: Middle of several runs on the worker, reading the picture included.
    """

    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    job = models.OneToOneField(
        "jobs.Job", on_delete=models.CASCADE, related_name="trial"
    )
    revision = models.ForeignKey(
        "marketplace.ModelRevision", on_delete=models.CASCADE, related_name="+"
    )
    sha256 = models.CharField(max_length=64)
    answer = models.JSONField(default=dict, blank=True)
    load_ms = models.FloatField(null=True, blank=True)
    time_ms = models.FloatField(null=True, blank=True)

    objects = TrialQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="trials_oldest")]

    def __str__(self) -> str:
        return f"trial {self.pk}"
