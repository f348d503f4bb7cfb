from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.models import TimeStamped
from apps.deployments.targets.types import EntryKind, ResourceState, State

STATE_CHOICES = [
    (State.PLANNED.value, _("planned")),
    (State.APPLYING.value, _("being made")),
    (State.LIVE.value, _("live")),
    (State.FAILED.value, _("failed")),
    (State.REMOVING.value, _("being removed")),
    (State.REMOVED.value, _("removed")),
]
RESOURCE_CHOICES = [
    (ResourceState.INTENDED.value, _("asked for")),
    (ResourceState.MADE.value, _("made")),
    (ResourceState.GONE.value, _("gone")),
]
ENTRY_CHOICES = [
    (EntryKind.PLANNED.value, _("planned")),
    (EntryKind.CONFIRMED.value, _("confirmed")),
    (EntryKind.SERVED.value, _("took over")),
    (EntryKind.FAILED.value, _("failed")),
    (EntryKind.DRIFTED.value, _("differs from the plan")),
    (EntryKind.REMOVED.value, _("removed")),
]
BUSY = (State.APPLYING, State.REMOVING)


class Credential(TimeStamped):
    """What opens a target, sealed; it is written once and read by workers alone."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    name = models.CharField(max_length=80)
    target = models.CharField(max_length=24)
    sealed = models.BinaryField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], name="credential_named_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def visible_to(self, user_id: int) -> "DeploymentQuerySet":
        return self.filter(workspace__memberships__user=user_id)


class Deployment(TimeStamped):
    """A model at a target: what was planned, and how far it came."""

    names_blobs = False  # remembers the weights; the repository has them
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=40, unique=True)
    target = models.CharField(max_length=24)
    credential = models.ForeignKey(
        Credential, null=True, blank=True, on_delete=models.SET_NULL
    )
    uses_credential = models.BooleanField(default=False)
    number = models.PositiveIntegerField(default=1)
    model_name = models.CharField(max_length=200)
    model_revision_id = models.BigIntegerField()
    revision = models.CharField(max_length=64)
    weights_sha256 = models.CharField(max_length=64)
    options = models.JSONField(default=dict)
    plan = models.JSONField(default=dict)
    # What answered last; what a failed new version returns to.
    served = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=STATE_CHOICES, default=State.PLANNED)
    error = models.TextField(blank=True)
    error_code = models.CharField(max_length=64, blank=True)
    url = models.CharField(max_length=500, blank=True)
    job_id = models.UUIDField(null=True, blank=True)
    drift = models.JSONField(default=list)
    checked_at = models.DateTimeField(null=True, blank=True)

    objects = DeploymentQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @property
    def full_name(self) -> str:
        return f"{self.model_name}@{self.revision[:12]}"

    @property
    def has_lost_credential(self) -> bool:
        return self.uses_credential and self.credential_id is None

    @property
    def is_busy(self) -> bool:
        return self.state in BUSY


class Resource(models.Model):
    """One thing at a target, written down before the target is asked for it."""

    deployment = models.ForeignKey(
        Deployment, on_delete=models.CASCADE, related_name="resources"
    )
    number = models.PositiveIntegerField()
    position = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=40)
    kind = models.CharField(max_length=80)
    name = models.CharField(max_length=300)
    where = models.CharField(max_length=200)
    body = models.JSONField(default=dict)
    # As it was before the version that is being brought; None where it is new.
    before = models.JSONField(null=True, blank=True)
    is_kept = models.BooleanField(default=False)
    usd_per_hour = models.FloatField(null=True, blank=True)
    external_id = models.CharField(max_length=500, blank=True)
    state = models.CharField(
        max_length=8, choices=RESOURCE_CHOICES, default=ResourceState.INTENDED
    )
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["deployment", "kind", "name", "where"], name="resource_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Entry(models.Model):
    """What a target was made to serve, when, and by whom. Never changed."""

    names_blobs = False  # remembers the weights; the repository has them
    deployment = models.ForeignKey(
        Deployment,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="entries",
    )
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=12, choices=ENTRY_CHOICES)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
    )
    model = models.CharField(max_length=260)
    weights_sha256 = models.CharField(max_length=64)
    number = models.PositiveIntegerField()
    note = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["deployment", "-at"], name="entry_by_moment")]

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.kind}"
