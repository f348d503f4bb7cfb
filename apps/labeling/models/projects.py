from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from apps.core.models import TimeStamped

if TYPE_CHECKING:
    from apps.accounts.models import User


class ProjectQuerySet(models.QuerySet["Project"]):
    def visible_to(self, user: "User") -> "ProjectQuerySet":
        return self.filter(workspace__memberships__user=user, archived_at=None)


class Project(TimeStamped):
    """A set of images with its labels.

    Attributes:
        honeypot_percent: How many of 100 images that are handed out are tests: images
            whose truth is known.
        stands_on: The version that was made of the annotations, or restored onto them,
            last; None before the first.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE)
    name = models.CharField(max_length=120)
    guide = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    archived_at = models.DateTimeField(null=True, blank=True)
    honeypot_percent = models.PositiveSmallIntegerField(default=0, db_default=0)
    stands_on = models.ForeignKey(
        "DatasetVersion", null=True, on_delete=models.SET_NULL, related_name="+"
    )

    objects = ProjectQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"])]

    def __str__(self) -> str:
        return self.name


class Label(models.Model):
    """A class of objects.

    Attributes:
        kinds: How its objects may be drawn; empty for any kind.
        attributes: What annotators say of each object: name, kind, options, and ``when``
            it is asked only after another was answered in one way.
        skeleton: Names of joints, and edges between them by number; empty for none.
    """

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="labels"
    )
    name = models.CharField(max_length=120)
    color = models.CharField(max_length=7)
    hotkey = models.CharField(max_length=1, blank=True)
    position = models.PositiveIntegerField(default=0)
    kinds = models.JSONField(default=list, blank=True)
    attributes = models.JSONField(default=list, blank=True)
    skeleton = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint("project", Lower("name"), name="label_named_once"),
            models.UniqueConstraint(
                fields=["project", "hotkey"],
                condition=~Q(hotkey=""),
                name="label_hotkey_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def allows(self, kind: str) -> bool:
        return not self.kinds or kind in self.kinds
