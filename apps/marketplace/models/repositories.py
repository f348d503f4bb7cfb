"""Repositories and who may see, read, write and manage them."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.core.models import TimeStamped
from apps.core.undoing import undo_since, undo_until
from apps.marketplace.types import FACETS, Asked, Gate, Kind, Speed, Visibility

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.accounts.models import User

# name__lower: names are unique in any case, and found through the index that says so.
models.CharField.register_lookup(Lower)

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
SPEED_CHOICES = [
    (Speed.MS_10, _("up to 10 ms")),
    (Speed.MS_50, _("10 to 50 ms")),
    (Speed.MS_200, _("50 to 200 ms")),
    (Speed.SLOWER, _("above 200 ms")),
    (Speed.UNMEASURED, _("not measured")),
]
_MANAGING = ("manager", "owner")
_PUBLISHING = ("annotator", "reviewer", *_MANAGING)


class Namespace(models.Model):
    """The first half of an address; without a workspace it ships with the platform.

    Attributes:
        epoch: Goes on where Xet chunks are gone, so that clients send them again.
        quota_bytes: What its repositories may hold together; None is the server's own.
    """

    name = models.CharField(max_length=96)
    workspace = models.OneToOneField(
        "accounts.Workspace", null=True, blank=True, on_delete=models.CASCADE
    )

    epoch = models.PositiveIntegerField(default=1)
    quota_bytes = models.PositiveBigIntegerField(
        _("quota in bytes"), null=True, blank=True
    )

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
        seen = alive.filter(
            public | (mine & _is_member(user)) | _is_member(user, roles=_MANAGING)
        )
        return seen.filter(tokens=user.limited_by) if user.limited_by else seen

    def read_by(self, user: "User | AnonymousUser") -> "ModelQuerySet":
        """Those whose files the user may have: open ones, her own, where she was let in."""
        seen = self.visible_to(user)
        is_open = Q(gate=Gate.OPEN)
        if not user.is_authenticated:
            return seen.filter(is_open)
        let_in = user.accessrequest_set.filter(state=Asked.ACCEPTED).values("model")
        return seen.filter(is_open | _is_member(user) | Q(pk__in=let_in))

    def written_by(self, user: "User | AnonymousUser") -> "ModelQuerySet":
        """Those that the user may commit to."""
        if not user.is_authenticated:
            return self.none()
        return self.visible_to(user).filter(_is_member(user, roles=_PUBLISHING))

    def managed_by(self, user: "User | AnonymousUser") -> "ModelQuerySet":
        """Those that the user may rename, gate, delete: makers and managers."""
        if not user.is_authenticated:
            return self.none()
        return self.visible_to(user).filter(_manages(user))

    def restored_by(self, user: "User | AnonymousUser") -> "ModelQuerySet":
        """Deleted ones that the user can bring back; no token for named ones can."""
        if not user.is_authenticated or user.limited_by:
            return self.none()
        return self.filter(_manages(user), deleted_at__gte=undo_since())


def _manages(user: "User") -> Q:
    made = Q(created_by=user) & _is_member(user, roles=_PUBLISHING)
    return made | _is_member(user, roles=_MANAGING)


def _is_member(user: "User", *, roles: tuple[str, ...] = ()) -> Q:
    """Whether a model's workspace is among hers, which are looked up once a query."""
    mine = user.memberships.filter(role__in=roles) if roles else user.memberships.all()
    workspaces = mine.values("workspace")
    return Q(namespace__in=Namespace.objects.filter(workspace__in=workspaces))


class Model(TimeStamped):
    """A repository: of a model, or, with the same machinery, of a dataset's files.

    What stands below ``head`` is read from that revision's card, configuration and
    weights, so that it can be searched.

    Attributes:
        tokens: Those that are for named repositories, and name this one.
        head: The newest revision on main.
        search_text: All that a search looks through.
        facets: The values of ``FACETS`` as one JSON list, since the database groups
            by one text in a third of the time.
        time_ms: What a picture took on this host when ``head`` last ran; None before.
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
    tokens = models.ManyToManyField(
        "accounts.ApiToken", related_name="repositories", blank=True
    )
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
    time_ms = models.FloatField(null=True, blank=True)
    speed = models.CharField(
        max_length=12,
        choices=SPEED_CHOICES,
        default=Speed.UNMEASURED,
        db_default=Speed.UNMEASURED,
    )
    facets = models.GeneratedField(
        expression=Func(*FACETS.values(), function="model_facets"),
        output_field=models.TextField(),
        db_persist=True,
    )

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
            GinIndex(fields=["datasets"], name="repository_datasets"),
            GinIndex(fields=["base_models"], name="repository_bases"),
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        return f"{self.namespace.name}/{self.name}"

    @property
    def address(self) -> str:
        """Where Hub clients find it below the server's root."""
        folder = "datasets/" if self.kind == Kind.DATASET else ""
        return f"{folder}{self.full_name}"

    @property
    def undo_until(self) -> datetime | None:
        """When its deletion becomes final; None where it was not deleted."""
        return undo_until(self.deleted_at) if self.deleted_at else None

    @property
    def ships(self) -> bool:
        return self.namespace.workspace_id is None
