from django.conf import settings
from django.db import models

from apps.core.models import TimeStamped
from apps.labeling.models.projects import Project


class SavedView(TimeStamped):
    """A choice of a project's images that somebody gave a name.

    Attributes:
        query: The page's address behind the question mark (selectors.written).
        is_shared: The project's other people see it, too.
    """

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="saved_views"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000)
    is_shared = models.BooleanField(default=False)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "owner", "name"], name="saved_view_once"
            )
        ]

    def __str__(self) -> str:
        return self.name
