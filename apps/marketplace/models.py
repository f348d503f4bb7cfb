from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.core.models import TimeStamped
from apps.marketplace.types import Asked, Gate, Kind, RefKind, Visibility

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.accounts.models import User

KIND_CHOICES = [(Kind.MODEL, _("Model")), (Kind.DATASET, _("Dataset"))]
VISIBILITY_CHOICES = [
    (Visibility.PUBLIC, _("Everybody here")),
    (Visibility.WORKSPACE, _("The workspace")),
    (Visibility.PRIVATE, _("Its maker and managers")),
]
GATE_CHOICES = [
    (Gate.OPEN, _("Open")),
    (Gate.AUTO, _("After accepting the terms")),
    (Gate.MANUAL, _("After a manager approves")),
]
ASKED_CHOICES = [
    (Asked.PENDING, _("Waiting")),
    (Asked.ACCEPTED, _("Let in")),
    (Asked.REFUSED, _("Refused")),
]
REF_CHOICES = [(RefKind.BRANCH, _("Branch")), (RefKind.TAG, _("Tag"))]
_MANAGING = ("manager", "owner")
_PUBLISHING = ("annotator", "reviewer", *_MANAGING)


class Namespace(models.Model):
    """The first half of an address; without a workspace it ships with the platform.

    Attributes:
        epoch: Goes on where Xet chunks are gone, so that clients send them again.
    """

    name = models.CharField(max_length=96)
    workspace = models.OneToOneField(
        "accounts.Workspace", null=True, blank=True, on_delete=models.CASCADE
    )

    epoch = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("name"), name="namespace_any_case"),
        ]

    def __str__(self) -> str:
        return self.name


class ModelQuerySet(models.QuerySet["Model"]):
    def visible_to(self, user: "User | AnonymousUser") -> "ModelQuerySet":
        """Those that the user may know of, whether or not a gate stands before them."""
        alive = self.filter(deleted_at=None)
        public = Q(visibility=Visibility.PUBLIC)
        if not user.is_authenticated:
            return alive.filter(public) if settings.HUB_ANONYMOUS else alive.none()
        own = Q(visibility=Visibility.PRIVATE, created_by=user)
        mine = Q(visibility=Visibility.WORKSPACE) | own
        return alive.filter(
            public | (mine & _is_member(user)) | _is_member(user, roles=_MANAGING)
        )

    def read_by(self, user: "User | AnonymousUser") -> "ModelQuerySet":
        """Those whose files the user may have: open ones, her own, where she was let in."""
        seen = self.visible_to(user)
        is_open = Q(gate=Gate.OPEN)
        if not user.is_authenticated:
            return seen.filter(is_open)
        let_in = AccessRequest.objects.filter(
            model=OuterRef("pk"), user=user, state=Asked.ACCEPTED
        )
        return seen.filter(is_open | _is_member(user) | Q(Exists(let_in)))

    def written_by(self, user: "User | AnonymousUser") -> "ModelQuerySet":
        """Those that the user may commit to."""
        if not user.is_authenticated:
            return self.none()
        return self.visible_to(user).filter(_is_member(user, roles=_PUBLISHING))

    def managed_by(self, user: "User | AnonymousUser") -> "ModelQuerySet":
        """Those that the user may rename, gate, delete: makers and managers."""
        if not user.is_authenticated:
            return self.none()
        made = Q(created_by=user) & _is_member(user, roles=_PUBLISHING)
        return self.visible_to(user).filter(made | _is_member(user, roles=_MANAGING))


def _is_member(user: "User", *, roles: tuple[str, ...] = ()) -> Q:
    mine = user.memberships.filter(workspace=OuterRef("namespace__workspace"))
    return Q(Exists(mine.filter(role__in=roles) if roles else mine))


class Model(TimeStamped):
    """A repository: of a model, or, with the same machinery, of a dataset's files.

    What stands below ``head`` is read from that revision's card, configuration and
    weights, so that it can be searched.

    Attributes:
        head: The newest revision on main.
        search_text: All that a search looks through.
    """

    kind = models.CharField(max_length=8, choices=KIND_CHOICES, default=Kind.MODEL)
    namespace = models.ForeignKey(
        Namespace, on_delete=models.CASCADE, related_name="repositories"
    )
    name = models.CharField(max_length=96)
    visibility = models.CharField(
        max_length=12, choices=VISIBILITY_CHOICES, default=Visibility.WORKSPACE
    )
    gate = models.CharField(max_length=8, choices=GATE_CHOICES, default=Gate.OPEN)
    gate_terms = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    archived_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    num_downloads = models.PositiveBigIntegerField(default=0)
    num_likes = models.PositiveIntegerField(default=0)
    num_bytes_new = models.PositiveBigIntegerField(default=0)

    head = models.ForeignKey(
        "ModelRevision", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    task = models.CharField(max_length=64, blank=True)
    summary = models.TextField(blank=True)
    licence = models.CharField(max_length=64, blank=True)
    library = models.CharField(max_length=64, blank=True)
    tags = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    languages = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    precisions = ArrayField(models.CharField(max_length=8), default=list, blank=True)
    frameworks = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    datasets = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    base_models = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    num_parameters = models.PositiveBigIntegerField(null=True, blank=True)
    search_text = models.TextField(blank=True)

    objects = ModelQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "kind",
                "namespace",
                Lower("name"),
                condition=Q(deleted_at=None),
                name="repository_any_case",
            ),
        ]
        indexes = [
            models.Index(fields=["kind", "-updated_at"], name="repository_recent"),
            models.Index(fields=["kind", "-num_downloads"], name="repository_loved"),
            GinIndex(
                SearchVector("search_text", config="simple"), name="repository_words"
            ),
            GinIndex(
                OpClass(F("search_text"), name="gin_trgm_ops"), name="repository_parts"
            ),
            GinIndex(fields=["tags"], name="repository_tags"),
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        return f"{self.namespace.name}/{self.name}"

    @property
    def ships(self) -> bool:
        return self.namespace.workspace_id is None


class ModelRevision(models.Model):
    """A commit: one state of a repository's files; never changed once made.

    Attributes:
        revision: The commit id, 40 hexadecimal digits.
        format: What ``config.json`` calls its format; empty for foreign models.
        card: The YAML front matter of ``README.md``.
        size_bytes: Of all its files.
        num_bytes_new: How much of that had to be sent or stored for it.
        job_id: The job that published it.
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
        indexes = [models.Index(fields=["model", "-id"], name="revisions_newest")]

    def __str__(self) -> str:
        return f"{self.model_id}@{self.revision[:12]}"


class RevisionFile(models.Model):
    """One file of one revision; its bytes are a blob.

    Attributes:
        git_oid: SHA-1 as git names the bytes; small files go by it.
        is_lfs: A large file, which clients know by its SHA-256 instead.
        since: The revision that last changed this path.
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
        ModelRevision, on_delete=models.CASCADE, related_name="+", db_index=False
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


class AccessRequest(TimeStamped):
    """Somebody accepted the terms of a gated repository and asks for its files."""

    model = models.ForeignKey(
        Model, on_delete=models.CASCADE, related_name="access_requests"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    state = models.CharField(max_length=12, choices=ASKED_CHOICES)
    message = models.TextField(blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "user"], name="asked_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} asks for {self.model_id}: {self.state}"


class Like(models.Model):
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="likes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "user"], name="liked_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.model_id}"
