from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from apps.core.models import TimeStamped


class ModelQuerySet(models.QuerySet["Model"]):
    def visible_to(self, user_id: int) -> "ModelQuerySet":
        """Models that ship with the platform, and those of the user's workspaces."""
        mine = Q(workspace__memberships__user=user_id)
        return self.filter(Q(workspace=None) | mine).distinct()


class Model(TimeStamped):
    """A named model; without a workspace it ships with the platform."""

    workspace = models.ForeignKey(
        "accounts.Workspace", null=True, blank=True, on_delete=models.CASCADE
    )
    name = models.CharField(max_length=120)
    task = models.CharField(max_length=32, default="object-detection")
    summary = models.TextField(blank=True)
    licence = models.CharField(max_length=64, blank=True)

    objects = ModelQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"],
                name="model_named_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ModelRevision(models.Model):
    """One state of a model's files; never changed once made."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="revisions")
    revision = models.CharField(max_length=64)
    directory = models.CharField(max_length=500)
    classes = ArrayField(models.CharField(max_length=120))
    config = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model", "revision"], name="model_revision_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model}@{self.revision[:12]}"
