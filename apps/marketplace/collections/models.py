from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils.text import slugify

from apps.accounts.types import Role
from apps.core.models import TimeStamped
from apps.core.undoing import undo_since, undo_until

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.accounts.models import User

MAX_TITLE, MAX_TEXT = 120, 1000


class CollectionQuerySet(models.QuerySet["Collection"]):
    def visible_to(self, user: "User | AnonymousUser") -> "CollectionQuerySet":
        """Those of the user's workspaces; a token for named repositories sees none."""
        if not user.is_authenticated or user.limited_by:
            return self.none()
        mine = user.memberships.values("workspace")
        return self.filter(deleted_at=None, namespace__workspace__in=mine)

    def restored_by(self, user: "User") -> "CollectionQuerySet":
        """Deleted ones that the user can bring back, as annotators and above do."""
        if user.limited_by:
            return self.none()
        mine = user.memberships.exclude(role=Role.VIEWER).values("workspace")
        return self.filter(namespace__workspace__in=mine, deleted_at__gte=undo_since())


class Collection(TimeStamped):
    """A named list of repositories, in an order that people gave it."""

    namespace = models.ForeignKey(
        "marketplace.Namespace", on_delete=models.CASCADE, related_name="collections"
    )
    title = models.CharField(max_length=MAX_TITLE)
    description = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = CollectionQuerySet.as_manager()

    def __str__(self) -> str:
        return self.title

    @property
    def undo_until(self) -> datetime | None:
        """When its deletion becomes final; None where it was not deleted."""
        return undo_until(self.deleted_at) if self.deleted_at else None

    @property
    def slug(self) -> str:
        """Its address for Hub clients: title and number."""
        title = slugify(self.title)[:60].strip("-") or "collection"
        return f"{self.namespace.name}/{title}-{self.pk:024x}"


class Item(models.Model):
    """A repository in a collection.

    Attributes:
        position: From 0 upwards; a purged repository leaves a gap.
    """

    collection = models.ForeignKey(
        Collection, on_delete=models.CASCADE, related_name="items"
    )
    model = models.ForeignKey(
        "marketplace.Model", on_delete=models.CASCADE, related_name="+"
    )
    note = models.TextField(blank=True)
    position = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["collection", "model"], name="once_in_a_collection"
            )
        ]

    def __str__(self) -> str:
        return f"{self.position} of {self.collection_id}"
