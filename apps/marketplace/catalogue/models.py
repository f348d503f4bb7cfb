from typing import TYPE_CHECKING

from django.db import models

from apps.core.models import TimeStamped
from apps.marketplace.models import Model

if TYPE_CHECKING:
    from apps.accounts.models import User


class MirrorQuerySet(models.QuerySet["Mirror"]):
    def visible_to(self, user: "User") -> "MirrorQuerySet":
        return self.filter(model__in=Model.objects.visible_to(user))


class Mirror(TimeStamped):
    """A repository here that follows one at an upstream.

    Attributes:
        upstream: Address of the server that it comes from.
        source: ``namespace/name`` there.
        source_revision: The branch, tag or commit there that it follows.
        sha: The commit there whose files are here.
        newest_sha: Where ``source_revision`` was when it was last looked at.
    """

    model = models.OneToOneField(
        "marketplace.Model", on_delete=models.CASCADE, related_name="mirror"
    )
    upstream = models.CharField(max_length=300)
    source = models.CharField(max_length=200)
    source_revision = models.CharField(max_length=200)
    sha = models.CharField(max_length=40)
    newest_sha = models.CharField(max_length=40)
    looked_at = models.DateTimeField()

    objects = MirrorQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["upstream", "source"], name="mirrors_by_source"),
            models.Index(fields=["looked_at"], name="mirrors_longest_unseen"),
        ]

    def __str__(self) -> str:
        return f"{self.source}@{self.sha[:12]}"

    @property
    def has_moved(self) -> bool:
        """Whether the upstream has something newer."""
        return self.sha != self.newest_sha


class Fetch(TimeStamped):
    """What a job brings from an upstream: one revision, as it was announced.

    Attributes:
        name: What the repository here is called, or will be.
        files: Path, size, git id and SHA-256 of each file.
    """

    job = models.OneToOneField(
        "jobs.Job", on_delete=models.CASCADE, related_name="fetch"
    )
    namespace = models.ForeignKey("marketplace.Namespace", on_delete=models.CASCADE)
    name = models.CharField(max_length=96)
    upstream = models.CharField(max_length=300)
    source = models.CharField(max_length=200)
    source_revision = models.CharField(max_length=200)
    sha = models.CharField(max_length=40)
    files = models.JSONField(default=list)

    names_blobs = False  # of the upstream's files, which may never come

    class Meta:
        indexes = [
            models.Index(fields=["namespace", "source"], name="fetches_by_source")
        ]

    def __str__(self) -> str:
        return f"{self.source}@{self.sha[:12]}"
