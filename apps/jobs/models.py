import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.devices import DeviceKind
from apps.core.models import TimeStamped
from apps.jobs.types import (
    ACTIVE,
    ENDED,
    NEXT_STATUSES,
    EventKind,
    JobStatus,
    Needs,
    Priority,
)

if TYPE_CHECKING:
    from apps.accounts.models import User

STATUS_CHOICES = [
    (JobStatus.QUEUED, _("Queued")),
    (JobStatus.STARTING, _("Starting")),
    (JobStatus.RUNNING, _("Running")),
    (JobStatus.FINISHING, _("Finishing")),
    (JobStatus.PREEMPTED, _("Paused")),
    (JobStatus.DONE, _("Done")),
    (JobStatus.FAILED, _("Failed")),
    (JobStatus.CANCELLED, _("Cancelled")),
]
PRIORITY_CHOICES = [
    (Priority.LOW, _("Low")),
    (Priority.NORMAL, _("Normal")),
    (Priority.URGENT, _("Urgent")),
]


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, user: "User") -> "JobQuerySet":
        return self.filter(workspace__memberships__user=user)


class Job(TimeStamped):
    """One long piece of work, whatever it does.

    Attributes:
        task: The registered Celery task that carries it out.
        waits_for: What kept it from being claimed at the last try, such as devices.
        attempt: How often a worker has claimed it; the fencing token.
        failures: Attempts lost one after the other, without a checkpoint between.
        last_write: Names the newest write of its worker, so that one is not repeated.
        lease_until: Until when the claim holds; None unless active.
        num_done_before: What earlier attempts had done when this one began.
        last_seq: Number of the newest event; events count 1, 2, 3, ... per job.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    kind = models.CharField(max_length=32)
    title = models.CharField(max_length=200)
    task = models.CharField(max_length=64)
    queue = models.CharField(max_length=16, default="cpu")
    params = models.JSONField(default=dict)
    priority = models.PositiveSmallIntegerField(
        choices=PRIORITY_CHOICES, default=Priority.NORMAL
    )
    num_gpus = models.PositiveSmallIntegerField(default=0)
    num_cpus = models.PositiveSmallIntegerField(default=0)
    is_gpu_shared = models.BooleanField(default=False)
    time_limit_s = models.PositiveIntegerField(null=True, blank=True)
    waits_for = models.CharField(max_length=32, blank=True)
    status = models.CharField(
        max_length=16, choices=STATUS_CHOICES, default=JobStatus.QUEUED
    )
    attempt = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    pause_requested_at = models.DateTimeField(null=True, blank=True)
    yield_requested_at = models.DateTimeField(null=True, blank=True)
    enqueued_at = models.DateTimeField(default=timezone.now)
    num_done = models.PositiveIntegerField(default=0)
    num_done_before = models.PositiveIntegerField(default=0)
    num_total = models.PositiveIntegerField(default=0)
    last_seq = models.PositiveBigIntegerField(default=0)
    last_write = models.UUIDField(null=True, blank=True)
    result = models.JSONField(default=dict)
    error_code = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-created_at"]),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(status__in=sorted(ACTIVE)),
                name="job_active_lease",
            ),
            models.Index(
                fields=["queue", "enqueued_at"],
                condition=models.Q(status=JobStatus.QUEUED),
                name="job_waiting",
            ),
            models.Index(
                fields=["queue"],
                condition=~models.Q(status__in=sorted(ENDED)),
                name="job_open",
            ),
            models.Index(fields=["-created_at"], name="job_newest"),
            models.Index(
                fields=["-finished_at"],
                condition=models.Q(status__in=sorted(ENDED)),
                name="job_ended",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=list(JobStatus)), name="job_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=sorted(ACTIVE), lease_until__isnull=False)
                | models.Q(
                    status__in=sorted(set(JobStatus) - ACTIVE), lease_until__isnull=True
                ),
                name="job_active_means_leased",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.status})"

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    @property
    def is_over(self) -> bool:
        return self.status in ENDED

    @property
    def may_cancel(self) -> bool:
        return not self.is_over and self.cancel_requested_at is None

    @property
    def may_pause(self) -> bool:
        is_asked = self.pause_requested_at or self.cancel_requested_at
        return self.may_become(JobStatus.PREEMPTED) and not is_asked

    @property
    def may_resume(self) -> bool:
        return self.status == JobStatus.PREEMPTED

    @property
    def needs(self) -> Needs:
        return Needs(
            num_gpus=self.num_gpus,
            num_cpus=self.num_cpus,
            is_gpu_shared=self.is_gpu_shared,
        )

    @property
    def may_retry(self) -> bool:
        return self.may_become(JobStatus.QUEUED) and self.is_over

    @property
    def percent(self) -> int:
        return round(100 * self.num_done / self.num_total) if self.num_total else 0

    def may_become(self, status: JobStatus) -> bool:
        return status in NEXT_STATUSES[JobStatus(self.status)]


class JobEvent(models.Model):
    """Append-only; ``seq`` is gap-free in each job."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveBigIntegerField()
    attempt = models.PositiveIntegerField()
    kind = models.CharField(
        max_length=16, choices=[(kind, kind.value) for kind in EventKind]
    )
    payload = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "seq"], name="job_event_numbered"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id}/{self.seq} {self.kind}"


class Worker(models.Model):
    """A Celery worker and when it was last heard of.

    Attributes:
        machine: Where its process id means something: host and PID namespace.
        is_drained: It finishes what it has and takes nothing new.
        is_leaving: It is going down; its jobs are to be given back.
    """

    name = models.CharField(max_length=120, primary_key=True)
    host = models.CharField(max_length=120, blank=True)
    machine = models.CharField(max_length=200, blank=True)
    pid = models.PositiveIntegerField(default=0)
    queues = models.JSONField(default=list)
    versions = models.JSONField(default=dict)
    num_processes = models.PositiveIntegerField(default=1)
    memory_bytes = models.PositiveBigIntegerField(default=0)
    disk_free_bytes = models.PositiveBigIntegerField(default=0)
    is_drained = models.BooleanField(default=False)
    is_leaving = models.BooleanField(default=False)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name

    @property
    def is_alive(self) -> bool:
        silence = timedelta(seconds=settings.WORKER_SILENT_S)
        return self.seen_at > timezone.now() - silence


class Device(models.Model):
    """A GPU, or all the CPUs, of a host; a slot of it is leased to one job at a time."""

    host = models.CharField(max_length=120)
    kind = models.CharField(
        max_length=8, choices=[(kind, kind.value) for kind in DeviceKind]
    )
    index = models.PositiveSmallIntegerField(default=0)
    name = models.CharField(max_length=120, blank=True)
    num_slots = models.PositiveSmallIntegerField(default=1)
    memory_total = models.PositiveBigIntegerField(default=0)
    memory_used = models.PositiveBigIntegerField(default=0)
    temperature_c = models.FloatField(null=True, blank=True)
    load = models.FloatField(null=True, blank=True)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["host", "kind", "index"], name="device_named_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.host} {self.kind}{self.index}"

    @property
    def is_alive(self) -> bool:
        silence = timedelta(seconds=settings.WORKER_SILENT_S)
        return self.seen_at > timezone.now() - silence


class DeviceLease(models.Model):
    """One slot of a device, held by one job; who holds a device alone has every slot."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="leases")
    slot = models.PositiveSmallIntegerField()
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="leases")
    attempt = models.PositiveIntegerField()
    taken_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["device", "slot"], name="device_slot_leased_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_id}/{self.slot} for {self.job_id}"
