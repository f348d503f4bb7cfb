"""How the whole is doing, for who is on call."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Avg, Count, F, Max, Min, Q, QuerySet
from django.db.models.functions import TruncHour
from django.utils import timezone

from apps.jobs.models import Device, Job, Worker
from apps.jobs.selectors.rows import list_jobs
from apps.jobs.types import (
    ACTIVE,
    ENDED,
    FailureCause,
    HourOfJobs,
    JobStatus,
    QueueState,
)

if TYPE_CHECKING:
    from apps.accounts.models import User

QUEUES = ("cpu", "gpu", "io")
FAILURES_OF = timedelta(days=7)


def list_queues() -> list[QueueState]:
    """Each queue with what waits, for how long, and who takes it."""
    now = timezone.now()
    unended = Job.objects.filter(status__in=[JobStatus.QUEUED, *sorted(ACTIVE)])
    is_waiting = Q(status=JobStatus.QUEUED)
    told = {
        row["queue"]: row
        for row in unended.values("queue").annotate(
            num_waiting=Count("pk", filter=is_waiting),
            num_active=Count("pk", filter=~is_waiting),
            oldest=Min("created_at", filter=is_waiting),
        )
    }
    heard = now - timedelta(seconds=settings.WORKER_SILENT_S)
    workers = list(Worker.objects.filter(seen_at__gt=heard, is_drained=False))
    nothing: dict[str, Any] = {"num_waiting": 0, "num_active": 0, "oldest": None}
    states = dict.fromkeys(QUEUES, nothing) | told
    return [
        QueueState(
            name=name,
            num_waiting=state["num_waiting"],
            num_active=state["num_active"],
            oldest_wait_s=_seconds_since(state["oldest"], now),
            num_workers=sum(name in worker.queues for worker in workers),
        )
        for name, state in states.items()
    ]


def _seconds_since(moment: datetime | None, now: datetime) -> float:
    return (now - moment).total_seconds() if moment else 0.0


def failures_by_cause(*, user: "User", workspace_id: int) -> list[FailureCause]:
    """Why jobs failed in the last week, the most frequent first."""
    since = timezone.now() - FAILURES_OF
    failed = list_jobs(user=user, workspace_id=workspace_id).filter(
        status=JobStatus.FAILED, finished_at__gt=since
    )
    rows = (
        failed.order_by()
        .values("error_code")
        .annotate(num=Count("pk"), last_at=Max("finished_at"))
        .order_by("-num", "error_code")
    )
    return [
        FailureCause(code=row["error_code"], num=row["num"], last_at=row["last_at"])
        for row in rows
    ]


def history(*, user: "User", workspace_id: int, hours: int = 24) -> list[HourOfJobs]:
    """How many jobs ended in each of the last hours, and how long they had waited."""
    since = timezone.now() - timedelta(hours=hours)
    ended = list_jobs(user=user, workspace_id=workspace_id).filter(
        status__in=sorted(ENDED), finished_at__gt=since
    )
    rows = (
        ended.order_by()
        .annotate(hour=TruncHour("finished_at"))
        .values("hour")
        .annotate(
            num_done=Count("pk", filter=Q(status=JobStatus.DONE)),
            num_failed=Count("pk", filter=Q(status=JobStatus.FAILED)),
            wait=Avg(F("started_at") - F("created_at")),
        )
        .order_by("hour")
    )
    return [
        HourOfJobs(
            hour=row["hour"],
            num_done=row["num_done"],
            num_failed=row["num_failed"],
            mean_wait_s=row["wait"].total_seconds() if row["wait"] else 0.0,
        )
        for row in rows
    ]


Sample = tuple[str, dict[str, str], float]


def measurements() -> Iterator[Sample]:
    """Everything that a monitoring system is told: name, labels, value."""
    for queue in list_queues():
        labels = {"queue": queue.name}
        yield "jobs_waiting", labels, queue.num_waiting
        yield "jobs_active", labels, queue.num_active
        yield "jobs_oldest_wait_seconds", labels, queue.oldest_wait_s
        yield "workers_alive", labels, queue.num_workers
    yield from _ended()
    for worker in Worker.objects.order_by("name"):
        labels = {"worker": worker.name}
        yield "worker_up", labels, worker.is_alive
        yield "worker_drained", labels, worker.is_drained
        yield "worker_memory_bytes", labels, worker.memory_bytes
        yield "worker_disk_free_bytes", labels, worker.disk_free_bytes
    for device in _with_leases():
        labels = {"host": device.host, "device": f"{device.kind}{device.index}"}
        yield "device_slots", labels, device.num_slots
        yield "device_slots_leased", labels, device.num_leased  # type: ignore[attr-defined]
        yield "device_memory_used_bytes", labels, device.memory_used
        yield "device_memory_total_bytes", labels, device.memory_total
        if device.temperature_c is not None:
            yield "device_temperature_celsius", labels, device.temperature_c
        if device.load is not None:
            yield "device_load_ratio", labels, device.load


def _ended() -> Iterator[Sample]:
    since = timezone.now() - timedelta(hours=1)
    ended = Job.objects.filter(status__in=sorted(ENDED), finished_at__gt=since)
    rows = ended.order_by().values("kind", "status").annotate(num=Count("pk"))
    for row in rows.order_by("kind", "status"):
        labels = {"kind": row["kind"], "status": row["status"]}
        yield "jobs_ended_last_hour", labels, row["num"]


def _with_leases() -> QuerySet[Device]:
    return Device.objects.annotate(num_leased=Count("leases")).order_by("pk")
