from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.selectors import check_role, role_in
from apps.accounts.types import Role
from apps.core.devices import DeviceKind
from apps.core.errors import NotFoundError
from apps.jobs.models import Device, Job, JobEvent, Worker
from apps.jobs.types import ENDED, EventKind

if TYPE_CHECKING:
    from apps.accounts.models import User

NUM_REPLAYED = 500


def list_jobs(
    *,
    user: "User",
    workspace_id: int | None = None,
    status: str | None = None,
    kind: str | None = None,
) -> QuerySet[Job]:
    """The jobs of the user's workspaces, newest first."""
    given = {"workspace_id": workspace_id, "status": status, "kind": kind}
    return (
        Job.objects.visible_to(user)
        .filter(
            **{key: value for key, value in given.items() if value not in {None, ""}}
        )
        .select_related("created_by")
        .order_by("-created_at", "-pk")
    )


def list_running(*, user: "User", workspace_id: int) -> QuerySet[Job]:
    return list_jobs(user=user, workspace_id=workspace_id).exclude(
        status__in=sorted(ENDED)
    )


def list_ended(*, user: "User", workspace_id: int) -> QuerySet[Job]:
    """Jobs that are over, the latest first."""
    jobs = list_jobs(user=user, workspace_id=workspace_id)
    return jobs.filter(status__in=sorted(ENDED)).order_by("-finished_at", "-pk")


def list_unended() -> QuerySet[Job]:
    """Everybody's jobs that are not over, the oldest first."""
    return Job.objects.exclude(status__in=sorted(ENDED)).order_by("created_at", "pk")


def latest_job(*, user: "User", kind: str, params: dict[str, Any]) -> Job | None:
    """Return the newest job of a kind whose parameters contain these."""
    return list_jobs(user=user, kind=kind).filter(params__contains=params).first()


def access_job(
    *, user: "User", job_id: UUID, needs: Role = Role.VIEWER, lock: bool = False
) -> Job:
    """Return a job that the user may act on.

    Raises:
        NotFoundError: No such job, or of strangers.
        RoleTooLowError: A member whose role does not reach.
    """
    jobs = Job.objects.select_related("created_by")
    if lock:
        jobs = jobs.select_for_update(of=("self",))
    job = jobs.filter(pk=job_id).first()
    role = role_in(user=user, workspace_id=job.workspace_id) if job else None
    if job is None or role is None:
        raise NotFoundError(_("job not found"))
    check_role(role, needs)
    return job


def events_after(*, job_id: UUID, seq: int) -> list[JobEvent]:
    """The job's next events in order, at most NUM_REPLAYED at once."""
    return list(
        JobEvent.objects.filter(job_id=job_id, seq__gt=seq).order_by("seq")[
            :NUM_REPLAYED
        ]
    )


def items_done(*, job_id: UUID, key: str) -> set[int]:
    """Return the ids that earlier attempts reported as items."""
    items = JobEvent.objects.filter(job_id=job_id, kind=EventKind.ITEM)
    return set(items.values_list(f"payload__{key}", flat=True))


def last_events(*, job_id: UUID, limit: int) -> list[JobEvent]:
    """The job's newest events, newest first."""
    return list(JobEvent.objects.filter(job_id=job_id).order_by("-seq")[:limit])


def may_act(*, user: "User", job: Job, needs: Role) -> bool:
    role = role_in(user=user, workspace_id=job.workspace_id)
    return role is not None and role.allows(needs)


def has_worker(*, queue: str = "cpu") -> bool:
    """Say whether a live worker takes jobs of a queue; pages warn when none does."""
    heard = timezone.now() - timedelta(seconds=settings.WORKER_SILENT_S)
    return Worker.objects.filter(seen_at__gt=heard, queues__contains=[queue]).exists()


def has_gpu() -> bool:
    """Say whether a live host has a GPU: workers take the queue also without one."""
    heard = timezone.now() - timedelta(seconds=settings.WORKER_SILENT_S)
    return Device.objects.filter(kind=DeviceKind.GPU, seen_at__gt=heard).exists()


def list_workers() -> QuerySet[Worker]:
    return Worker.objects.order_by("name")


def list_devices() -> QuerySet[Device]:
    """The devices of all hosts, each with who holds its slots."""
    return Device.objects.prefetch_related("leases").order_by("host", "kind", "index")


def find_logs(*, job_id: UUID, words: str, limit: int) -> list[JobEvent]:
    """The newest log lines of a job that contain some words, in order."""
    rows = JobEvent.objects.filter(job_id=job_id, kind=EventKind.LOG)
    if words:
        rows = rows.filter(payload__line__icontains=words)
    return list(rows.order_by("-seq")[:limit])[::-1]
