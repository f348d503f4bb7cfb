"""What is done for jobs whose worker, ticket or folder was left behind."""

import shutil
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.jobs.models import Job
from apps.jobs.services.machine import fail, move, requeue, send
from apps.jobs.types import ACTIVE, JobStatus

AT_ONCE = 100


def requeue_lost_jobs() -> int:
    """Give back what no living worker holds and remind the broker of what waits.

    Returns:
        How many jobs were acted upon. Running twice is harmless.
    """
    now = timezone.now()
    with transaction.atomic():
        lost = Job.objects.select_for_update(skip_locked=True).filter(
            status__in=sorted(ACTIVE), lease_until__lt=now
        )
        num = sum(_give_back(job) for job in lost.order_by("pk")[:AT_ONCE])
    waited = now - timedelta(seconds=settings.JOB_LEASE_S)
    with transaction.atomic():
        waiting = Job.objects.select_for_update(skip_locked=True).filter(
            status=JobStatus.QUEUED, enqueued_at__lt=waited
        )
        for job in waiting.order_by("-priority", "enqueued_at")[:AT_ONCE]:
            num += 1
            send(job)
    return num


@transaction.atomic
def requeue_jobs_of(worker: str) -> int:
    """Give back what a worker held that is known to be dead, before its leases end."""
    held = Job.objects.select_for_update(skip_locked=True).filter(
        status__in=sorted(ACTIVE), worker=worker
    )
    return sum(_give_back(job) for job in held.order_by("pk"))


def _give_back(job: Job) -> int:
    if job.cancel_requested_at is not None:
        move(job, JobStatus.CANCELLED)
        return 1
    if job.pause_requested_at is not None:
        move(job, JobStatus.PREEMPTED)
        return 1
    job.failures += 1
    if job.failures >= settings.JOB_MAX_ATTEMPTS:
        fail(
            job,
            code="worker_lost",
            error=f"its worker died {job.failures} times; see the worker's log",
        )
    else:
        requeue(job, detail="its worker was lost")
    return 1


def run_dir(job_id: UUID | str) -> Path:
    """The folder that all attempts of a job on this host work in."""
    return Path(settings.RUNS_DIR) / str(job_id)


def clean_run_dirs() -> int:
    """Delete folders on this host that no attempt will need again.

    A job that did not end well keeps its checkpoint for ``RUN_DIR_KEPT_DAYS``.

    Returns:
        How many were deleted.
    """
    root = Path(settings.RUNS_DIR)
    folders = {path.name: path for path in root.iterdir()} if root.is_dir() else {}
    ids = [name for name in folders if _is_uuid(name)]
    keep_since = timezone.now() - timedelta(days=settings.RUN_DIR_KEPT_DAYS)
    needed = Job.objects.filter(pk__in=ids).exclude(status=JobStatus.DONE)
    needed = needed.exclude(finished_at__lt=keep_since)
    kept = {str(pk) for pk in needed.values_list("pk", flat=True)}
    for name in set(ids) - kept:
        shutil.rmtree(folders[name], ignore_errors=True)
    return len(set(ids) - kept)


def _is_uuid(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return True
