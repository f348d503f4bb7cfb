from django.conf import settings
from django.db import models
from django.db.models import F, Q

from apps.core.models import TimeStamped
from apps.labeling.models.images import STATE_CHOICES
from apps.labeling.models.projects import Label, Project


class AllocationRule(TimeStamped):
    """Who is to label which of a project's images; what is empty does not matter.

    Attributes:
        people: Who shares the images, whoever has least to do first.
        name_part: Of the image's name, folders included.
        label: Drawn or proposed on it.
        min_score: Of its proposals one lies between this and max_score.
        due_in_days: Counted from the assignment.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="rules")
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")
    state = models.CharField(max_length=16, choices=STATE_CHOICES, blank=True)
    name_part = models.CharField(max_length=255, blank=True)
    label = models.ForeignKey(Label, null=True, blank=True, on_delete=models.CASCADE)
    min_score = models.FloatField(null=True, blank=True)
    max_score = models.FloatField(null=True, blank=True)
    due_in_days = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(min_score__lte=F("max_score"))
                | Q(min_score=None)
                | Q(max_score=None),
                name="allocation_rule_scores_ordered",
            )
        ]

    def __str__(self) -> str:
        return f"rule {self.pk} of {self.project_id}"
