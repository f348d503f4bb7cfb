"""What a worker does with a job: claims it, writes about it, ends it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.jobs.models import Job, Worker
from apps.jobs.services import leases
from apps.jobs.services.machine import (
    append,
    fail,
    fenced,
    lease_end,
    move,
    progress,
    requeue,
    state,
)
from apps.jobs.types import Claim, JobStatus, NewEvent, StopReason

WAITS_FOR_DEVICES = "devices"


@transaction.atomic
def claim_job(*, job_id: UUID | str, worker: str) -> Claim | None:
    """Take a queued job for this worker, with the devices that it needs.

    Returns:
        The claim, or None when there is nothing to do: the broker may deliver a task
        twice, a job may be cancelled while it waits, its devices may be taken, and a
        worker that is being drained takes nothing.
    """
    if Worker.objects.filter(name=worker, is_drained=True).exists():
        return None
    job = (
        Job.objects.select_for_update(skip_locked=True)
        .filter(pk=job_id, status=JobStatus.QUEUED)
        .first()
    )
    if job is None:
        return None
    host = worker.rpartition("@")[2]
    job.attempt += 1
    taken = leases.take(job, host=host)
    if taken is None:
        _wait_for_devices(job, host)
        return None
    job.worker = worker
    move(job, JobStatus.STARTING)
    return Claim(
        job_id=job.pk,
        attempt=job.attempt,
        workspace_id=job.workspace_id,
        user_id=job.created_by_id,
        params=job.params,
        gpus=taken.gpus,
        num_cpus=taken.num_cpus,
    )


def _wait_for_devices(job: Job, host: str) -> None:
    """Note what it waits for, and ask a less urgent job to make room."""
    job.attempt -= 1
    if job.waits_for != WAITS_FOR_DEVICES:
        job.waits_for = WAITS_FOR_DEVICES
        job.save(update_fields=["waits_for", "updated_at"])
        append(job, [state(job, detail=WAITS_FOR_DEVICES)])
    lesser = leases.lesser_holder(job, host=host)
    if lesser is not None and lesser.yield_requested_at is None:
        lesser.yield_requested_at = timezone.now()
        lesser.save(update_fields=["yield_requested_at", "updated_at"])


def start_running(claim: Claim, *, num_total: int, num_done: int = 0) -> None:
    """Say that the work itself begins, or goes on after ``num_done`` of it."""
    with fenced(claim) as job:
        job.num_done = job.num_done_before = num_done
        job.num_total = num_total
        job.save(update_fields=["num_done", "num_done_before", "num_total"])
        if job.status != JobStatus.RUNNING:
            move(job, JobStatus.RUNNING)


def keep_job(claim: Claim) -> StopReason | None:
    """Renew the lease; says why the work should end, or None where it goes on.

    Raises:
        StaleAttemptError: It is too late.
    """
    with fenced(claim) as job:
        job.lease_until = lease_end()
        job.save(update_fields=["lease_until"])
        return _why_stop(job)


def renew_lease(claim: Claim) -> bool:
    """Renew the lease; False where the work should end, with :func:`end_stopped`.

    Raises:
        StaleAttemptError: It is too late.
    """
    return keep_job(claim) is None


def _why_stop(job: Job) -> StopReason | None:
    if job.cancel_requested_at is not None:
        return StopReason.CANCEL
    if job.time_limit_s and job.started_at:
        limit = timedelta(seconds=job.time_limit_s)
        if timezone.now() > job.started_at + limit:
            return StopReason.TIME_LIMIT
    if job.pause_requested_at is not None:
        return StopReason.PAUSE
    if job.yield_requested_at is not None:
        return StopReason.YIELD
    if Worker.objects.filter(name=job.worker, is_leaving=True).exists():
        return StopReason.WORKER_LEAVES
    return None


def report(
    claim: Claim,
    events: Sequence[NewEvent],
    *,
    num_newly_done: int = 0,
    write_id: UUID | None = None,
) -> bool:
    """Append events, and the progress if it moved, as one write.

    A write that names itself is done once: where a connection broke while it was being
    committed, repeating it is the way to know.

    Returns:
        Whether it was written now.
    """
    with fenced(claim) as job:
        if write_id is not None and job.last_write == write_id:
            return False
        job.last_write = write_id
        if num_newly_done:
            job.num_done += num_newly_done
            events = [*events, progress(job)]
        append(job, events)
        return True


def note_checkpoint(claim: Claim, *, detail: str = "") -> None:
    """What was done is safe: a loss from here on is the first one again."""
    with fenced(claim) as job:
        job.failures = 0
        job.save(update_fields=["failures"])
        if detail:
            append(job, [state(job, detail=detail)])


def finish_job(claim: Claim, *, result: dict[str, Any]) -> None:
    """End the job well, once."""
    with fenced(claim) as job:
        job.result = result
        job.save(update_fields=["result"])
        if job.status != JobStatus.FINISHING:
            move(job, JobStatus.FINISHING)
        move(job, JobStatus.DONE)


def start_finishing(claim: Claim) -> None:
    """Say that the work is done and its result is being put away; once is enough."""
    with fenced(claim) as job:
        if job.status != JobStatus.FINISHING:
            move(job, JobStatus.FINISHING)


def fail_job(claim: Claim, *, code: str, error: str) -> None:
    with fenced(claim) as job:
        fail(job, code=code, error=error)


def end_stopped(claim: Claim) -> None:
    """Say that the work has stopped, as was asked: for good, for now, or to go on."""
    with fenced(claim) as job:
        match _why_stop(job):
            case StopReason.TIME_LIMIT:
                limit = f"it was at work for more than {job.time_limit_s} s"
                fail(job, code="time_limit", error=f"{limit}; raise its time limit")
            case StopReason.PAUSE:
                move(job, JobStatus.PREEMPTED)
            case StopReason.YIELD:
                requeue(job, detail="made room for a more urgent job")
            case StopReason.WORKER_LEAVES:
                requeue(job, detail="its worker went down")
            case _:
                move(job, JobStatus.CANCELLED)
