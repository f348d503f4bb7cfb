"""Commits, their files, and the bytes that came for them."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import TimeStamped
from apps.marketplace.models.repositories import Model, Namespace
from apps.marketplace.types import OPENED, RefKind

REF_CHOICES = [(RefKind.BRANCH, _("Branch")), (RefKind.TAG, _("Tag"))]


class ModelRevision(models.Model):
    """A commit: one state of a repository's files; never changed once made.

    Attributes:
        revision: The commit id, 40 hexadecimal digits.
        format: What ``config.json`` calls its format; empty for foreign models.
        card: The YAML front matter of ``README.md``.
        size_bytes: Of all its files.
        num_bytes_new: How much of that had to be sent or stored for it.
        job_id: The job that published it.
        scan_version: Of the scanners that looked into its files; 0 before they did.
    """

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="revisions")
    revision = models.CharField(max_length=40)
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="children",
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    title = models.CharField(max_length=500)
    message = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    format = models.CharField(max_length=64, blank=True)
    classes = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    config = models.JSONField(default=dict, blank=True)
    card = models.JSONField(default=dict, blank=True)
    num_files = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    num_bytes_new = models.PositiveBigIntegerField(default=0)
    scan_version = models.PositiveSmallIntegerField(default=0, db_default=0)

    job_id = models.UUIDField(null=True, blank=True)
    dataset_version_id = models.BigIntegerField(null=True, blank=True)
    base = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="derived"
    )
    relation = models.CharField(max_length=16, blank=True)
    code_version = models.CharField(max_length=120, blank=True)
    run_config = models.JSONField(default=dict, blank=True)
    metrics = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model", "revision"], name="model_revision_once"
            ),
            models.UniqueConstraint(
                fields=["job_id"],
                condition=Q(job_id__isnull=False),
                name="one_revision_a_job",
            ),
        ]
        indexes = [
            models.Index(fields=["model", "-id"], name="revisions_newest"),
            models.Index(fields=["scan_version"], name="revisions_unscanned"),
        ]

    def __str__(self) -> str:
        return f"{self.model_id}@{self.revision[:12]}"


class RevisionFile(models.Model):
    """One file of one revision; its bytes are a blob.

    Attributes:
        git_oid: SHA-1 as git names the bytes; small files go by it.
        is_lfs: A large file, which clients know by its SHA-256 instead.
        since: The revision that last changed this path; of the same repository, whose
            revisions go together only, so that the database need not look for it.
    """

    id = models.BigAutoField(primary_key=True)
    revision = models.ForeignKey(
        ModelRevision, on_delete=models.CASCADE, related_name="files"
    )
    path = models.CharField(max_length=1000)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    git_oid = models.CharField(max_length=40)
    is_lfs = models.BooleanField(default=False)
    since = models.ForeignKey(
        ModelRevision,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["revision", "path"], name="revision_path_once"
            ),
        ]
        indexes = [models.Index(fields=["sha256"], name="revision_file_blob")]

    def __str__(self) -> str:
        return self.path

    @property
    def oid(self) -> str:
        return self.sha256 if self.is_lfs else self.git_oid

    @property
    def suffix(self) -> str:
        """What its name says it is, in small letters; "" where it says nothing."""
        name = self.path.rpartition("/")[2].lower()
        return f".{name.rpartition('.')[2]}"[:16] if "." in name else ""

    @property
    def is_opened(self) -> bool:
        """Whether its header can be shown."""
        return self.path.lower().endswith(OPENED)


class Ref(TimeStamped):
    """A branch, which moves, or a tag, which does not."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="refs")
    kind = models.CharField(max_length=8, choices=REF_CHOICES)
    name = models.CharField(max_length=200)
    revision = models.ForeignKey(
        ModelRevision, null=True, on_delete=models.CASCADE, related_name="refs"
    )
    message = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "kind", "name"], name="ref_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def full_name(self) -> str:
        folder = "heads" if self.kind == RefKind.BRANCH else "tags"
        return f"refs/{folder}/{self.name}"


class Upload(models.Model):
    """A large file that was sent for a repository and may be committed to it.

    Knowing a digest is not enough to commit somebody else's bytes: each repository has
    to have been sent them.

    Attributes:
        num_bytes_new: What had to travel; less than ``size`` where chunks were known.
    """

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="uploads")
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    num_bytes_new = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "sha256"], name="upload_once"),
        ]

    def __str__(self) -> str:
        return self.sha256


class Xorb(models.Model):
    """A bundle of chunks that a client sent once and may refer to again.

    Attributes:
        name: Its hash in the Xet protocol; ``sha256`` is its name in the blob store.
    """

    namespace = models.ForeignKey(
        Namespace, on_delete=models.CASCADE, related_name="xorbs"
    )
    name = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["namespace", "name"], name="xorb_once"),
        ]

    def __str__(self) -> str:
        return self.name[:12]
