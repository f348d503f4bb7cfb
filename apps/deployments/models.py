from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.models import TimeStamped
from apps.deployments.types import (
    MAX_REPLICAS,
    MAX_SHARE,
    MAX_THREADS,
    USUAL_SHARE,
    EndpointState,
    LedgerKind,
    ReleaseState,
    ReplicaState,
    Stage,
)
from apps.marketplace.types import Answers

SILENT_S = 10
RELEASE_CHOICES = [
    (ReleaseState.STARTING.value, _("starting")),
    (ReleaseState.READY.value, _("ready")),
    (ReleaseState.FAILED.value, _("failed")),
    (ReleaseState.RETIRED.value, _("retired")),
]
REPLICA_CHOICES = [
    (ReplicaState.STARTING.value, _("starting")),
    (ReplicaState.READY.value, _("ready")),
    (ReplicaState.ASLEEP.value, _("asleep")),
    (ReplicaState.BROKEN.value, _("broken")),
]
ANSWER_CHOICES = [
    (Answers.DETECTIONS.value, _("boxes")),
    (Answers.LABELS.value, _("labels")),
    (Answers.SEGMENTS.value, _("masks")),
    (Answers.TENSORS.value, _("tensors")),
]
STAGE_CHOICES = [
    (Stage.NONE.value, _("none")),
    (Stage.WAITING.value, _("waiting")),
    (Stage.SHADOW.value, _("shadow")),
    (Stage.CANARY.value, _("canary")),
]
LEDGER_CHOICES = [
    (LedgerKind.CREATED.value, _("created")),
    (LedgerKind.SERVED.value, _("took over")),
    (LedgerKind.SHADOWED.value, _("shadows")),
    (LedgerKind.SPLIT.value, _("answers a share")),
    (LedgerKind.ROLLED_BACK.value, _("rolled back")),
    (LedgerKind.REFUSED.value, _("did not start")),
    (LedgerKind.PAUSED.value, _("paused")),
    (LedgerKind.RESUMED.value, _("resumed")),
    (LedgerKind.DELETED.value, _("deleted")),
]


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def visible_to(self, user_id: int) -> "EndpointQuerySet":
        return self.filter(workspace__memberships__user=user_id, deleted_at=None)


class Endpoint(TimeStamped):
    """One stable address; releases come and go behind it."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=80, unique=True)
    num_replicas = models.PositiveSmallIntegerField(default=1)
    num_threads = models.PositiveSmallIntegerField(default=1)
    sleep_after_s = models.PositiveIntegerField(default=0)
    is_paused = models.BooleanField(default=False)
    deleted_at = models.DateTimeField(null=True, blank=True)
    stable = models.ForeignKey(
        "Release", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    candidate = models.ForeignKey(
        "Release", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    stage = models.CharField(
        max_length=8, choices=STAGE_CHOICES, default=Stage.NONE, blank=True
    )
    stage_at = models.DateTimeField(default=timezone.now)
    is_gradual = models.BooleanField(default=False)
    canary_share = models.PositiveSmallIntegerField(
        default=USUAL_SHARE,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_SHARE)],
    )
    slow_ms = models.FloatField(default=0.0)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="endpoint_replicas_in_range",
                condition=models.Q(num_replicas__range=(1, MAX_REPLICAS)),
            ),
            models.CheckConstraint(
                name="endpoint_threads_in_range",
                condition=models.Q(num_threads__range=(1, MAX_THREADS)),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def share(self) -> int:
        """Percent of the requests that the candidate answers."""
        return self.canary_share if self.stage == Stage.CANARY else 0


class Release(models.Model):
    """A model revision behind an endpoint; the weights it names never change."""

    names_blobs = False  # remembers the weights; the repository has them
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="releases"
    )
    number = models.PositiveIntegerField()
    model_name = models.CharField(max_length=200)
    model_revision_id = models.BigIntegerField()
    revision = models.CharField(max_length=64)
    directory = models.CharField(max_length=500)
    answers = models.CharField(
        max_length=10, choices=ANSWER_CHOICES, default=Answers.DETECTIONS
    )
    weights_sha256 = models.CharField(max_length=64)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(
        max_length=8, choices=RELEASE_CHOICES, default=ReleaseState.STARTING
    )
    error = models.TextField(blank=True)
    is_wanted = models.BooleanField(default=True)
    retire_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "number"], name="release_numbered"
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"

    @property
    def full_name(self) -> str:
        return f"{self.model_name}@{self.revision[:12]}"

    @property
    def takes_pictures(self) -> bool:
        return self.answers != Answers.TENSORS


class Replica(models.Model):
    """A process that serves a release, as its keeper last saw it."""

    release = models.ForeignKey(
        Release, on_delete=models.CASCADE, related_name="replicas"
    )
    index = models.PositiveSmallIntegerField()
    state = models.CharField(
        max_length=8, choices=REPLICA_CHOICES, default=ReplicaState.STARTING
    )
    port = models.PositiveIntegerField(default=0)
    pid = models.PositiveIntegerField(default=0)
    restarts = models.PositiveIntegerField(default=0)
    rss_mb = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["release", "index"], name="replica_numbered"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.release}/{self.index}"

    @property
    def answers(self) -> bool:
        """Asleep ones wake at the first byte; a silent keeper's word is worth nothing."""
        is_fresh = self.seen_at > timezone.now() - timedelta(seconds=SILENT_S)
        return is_fresh and self.state in {ReplicaState.READY, ReplicaState.ASLEEP}


class LedgerEntry(models.Model):
    """Who answered from this moment on, and who decided it. Never changed."""

    names_blobs = False  # remembers the weights; the repository has them
    endpoint = models.ForeignKey(
        Endpoint,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="ledger",
    )
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=12, choices=LEDGER_CHOICES)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
    )
    split = models.JSONField(default=list)
    note = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["endpoint", "-at"], name="ledger_by_moment")]

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.kind}"


class EndpointKey(models.Model):
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="keys"
    )
    name = models.CharField(max_length=80)
    shown = models.CharField(max_length=16)
    key_sha256 = models.CharField(max_length=64, unique=True)
    per_minute = models.PositiveIntegerField(default=0)
    per_day = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class Traffic(models.Model):
    """Ten seconds of one release's requests, added up over all gateways."""

    release = models.ForeignKey(
        Release, on_delete=models.CASCADE, related_name="traffic"
    )
    at = models.DateTimeField()
    num = models.PositiveIntegerField(default=0)
    num_errors = models.PositiveIntegerField(default=0)
    num_retried = models.PositiveIntegerField(default=0)
    num_slow = models.PositiveIntegerField(default=0)
    num_compared = models.PositiveIntegerField(default=0)
    num_agreed = models.PositiveIntegerField(default=0)
    sum_ms = models.FloatField(default=0.0)
    histogram = ArrayField(models.PositiveIntegerField())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["release", "at"], name="traffic_once"),
        ]

    def __str__(self) -> str:
        return f"{self.release_id} {self.at:%T}"


class Sampling(models.Model):
    """That, and how, an endpoint's pictures become work for labelers.

    Attributes:
        usual: How its first pictures looked, as ``services.looks`` writes it.
    """

    endpoint = models.OneToOneField(
        Endpoint, on_delete=models.CASCADE, related_name="sampling"
    )
    project = models.ForeignKey("labeling.Project", on_delete=models.CASCADE)
    per_day = models.PositiveSmallIntegerField()
    unsure_below = models.FloatField()
    longest_side = models.PositiveSmallIntegerField()
    blur_px = models.PositiveSmallIntegerField()
    keep_days = models.PositiveSmallIntegerField()
    agreed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    agreed_at = models.DateTimeField(default=timezone.now)
    usual = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.endpoint_id} to project {self.project_id}"


class Sample(models.Model):
    """A live picture, kept; its content goes when a labeler gets it."""

    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="samples"
    )
    sha256 = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)
    reason = models.CharField(max_length=8)
    urgency = models.FloatField()
    content = models.BinaryField(null=True)
    taken_at = models.DateTimeField(null=True, blank=True)
    image_id = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "sha256"], name="sample_once_an_endpoint"
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "taken_at", "-urgency"], name="sample_next"
            )
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.at:%F %T} {self.reason}"


def endpoint_state(endpoint: Endpoint, replicas: "list[Replica]") -> EndpointState:
    """What a person sees, from the endpoint and the stable release's replicas."""
    if endpoint.is_paused:
        return EndpointState.PAUSED
    serving = endpoint.stable or endpoint.candidate
    if serving is None or serving.state == ReleaseState.FAILED:
        return EndpointState.FAILED
    num = sum(each.answers for each in replicas)
    if num == 0:
        return EndpointState.STARTING
    if num < endpoint.num_replicas:
        return EndpointState.DEGRADED
    if all(each.state == ReplicaState.ASLEEP for each in replicas):
        return EndpointState.ASLEEP
    return EndpointState.LIVE
