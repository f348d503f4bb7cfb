"""The one state machine: who may write on a job, and what is written.

Every write of a worker goes through :func:`fenced`: it locks the job's row and refuses
an attempt that is no longer the current one. That makes redelivery by the broker, a
worker that wakes after its lease ended, and two workers at once harmless.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.accounts.types import Role
from apps.core.queue import enqueue
from apps.core.realtime import publish
from apps.jobs import selectors
from apps.jobs.errors import IllegalTransitionError, StaleAttemptError
from apps.jobs.events import JobPoked, group
from apps.jobs.models import Job, JobEvent, Worker
from apps.jobs.types import ACTIVE, Claim, EventKind, JobStatus, NewEvent, NewJob

if TYPE_CHECKING:
    from apps.accounts.models import User


@transaction.atomic
def create_job(*, user: "User", workspace_id: int, new: NewJob) -> Job:
    """Queue a piece of work; the caller has checked that the user may start it."""
    job = Job.objects.create(
        created_by=user,
        workspace_id=workspace_id,
        kind=new.kind,
        title=new.title,
        task=new.task,
        params=new.params,
        queue=new.queue,
    )
    _append(job, [_state(job)])
    enqueue(new.task, queue=new.queue, job_id=str(job.pk))
    return job


@transaction.atomic
def claim_job(*, job_id: UUID | str, worker: str) -> Claim | None:
    """Take a queued job for this worker.

    Returns:
        The claim, or None when there is nothing to do: the broker may deliver a task
        twice, and a job may be cancelled while it waits.
    """
    job = (
        Job.objects.select_for_update(skip_locked=True)
        .filter(pk=job_id, status=JobStatus.QUEUED)
        .first()
    )
    if job is None:
        return None
    job.attempt += 1
    job.worker = worker
    _move(job, JobStatus.STARTING)
    return Claim(
        job_id=job.pk,
        attempt=job.attempt,
        workspace_id=job.workspace_id,
        user_id=job.created_by_id,
        params=job.params,
    )


@contextmanager
def fenced(claim: Claim) -> Iterator[Job]:
    """Open a transaction in which this attempt alone may write about its job.

    Raises:
        StaleAttemptError: The job ended, or another attempt has it.
    """
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(pk=claim.job_id).first()
        if job is None or job.attempt != claim.attempt or not job.is_active:
            raise StaleAttemptError(
                f"attempt {claim.attempt} of {claim.job_id} is over"
            )
        yield job


def start_running(claim: Claim, *, num_total: int, num_done: int = 0) -> None:
    """Say that the work itself begins, or goes on after ``num_done`` of it."""
    with fenced(claim) as job:
        job.num_done = job.num_done_before = num_done
        job.num_total = num_total
        job.save(update_fields=["num_done", "num_done_before", "num_total"])
        _move(job, JobStatus.RUNNING)


def renew_lease(claim: Claim) -> bool:
    """Keep the job; returns False when its person asked to cancel it.

    Raises:
        StaleAttemptError: It is too late.
    """
    with fenced(claim) as job:
        job.lease_until = _lease_end()
        job.save(update_fields=["lease_until"])
        return job.cancel_requested_at is None


def report(
    claim: Claim, events: Sequence[NewEvent], *, num_newly_done: int = 0
) -> None:
    """Append events, and the progress if it moved, as one write."""
    with fenced(claim) as job:
        if num_newly_done:
            job.num_done += num_newly_done
            events = [*events, _progress(job)]
        _append(job, events)


def finish_job(claim: Claim, *, result: dict[str, Any]) -> None:
    """End the job well, once."""
    with fenced(claim) as job:
        job.result = result
        job.save(update_fields=["result"])
        if job.status != JobStatus.FINISHING:
            _move(job, JobStatus.FINISHING)
        _move(job, JobStatus.DONE)


def fail_job(claim: Claim, *, code: str, error: str) -> None:
    with fenced(claim) as job:
        _fail(job, code=code, error=error)


def end_cancelled(claim: Claim) -> None:
    """Say that the work has stopped, as its person asked."""
    with fenced(claim) as job:
        _move(job, JobStatus.CANCELLED)


@transaction.atomic
def cancel_job(*, user: "User", job_id: UUID) -> Job:
    """Stop a job: at once if it waits, else as soon as its worker notices.

    Raises:
        NotFoundError: No such job for this user.
        RoleTooLowError: It takes an annotator.
        IllegalTransitionError: The job is already over.
    """
    job = selectors.access_job(
        user=user, job_id=job_id, needs=Role.ANNOTATOR, lock=True
    )
    if job.status == JobStatus.QUEUED:
        return _move(job, JobStatus.CANCELLED)
    if not job.is_active:
        raise IllegalTransitionError(f"a {job.status} job cannot be cancelled")
    if job.cancel_requested_at is None:
        job.cancel_requested_at = timezone.now()
        job.save(update_fields=["cancel_requested_at", "updated_at"])
        _append(job, [_state(job)])
    return job


@transaction.atomic
def retry_job(*, user: "User", job_id: UUID) -> Job:
    """Queue a failed or cancelled job again.

    Raises:
        NotFoundError: No such job for this user.
        RoleTooLowError: It takes an annotator.
        IllegalTransitionError: The job is not over, or it went well.
    """
    job = selectors.access_job(
        user=user, job_id=job_id, needs=Role.ANNOTATOR, lock=True
    )
    if not job.may_retry:
        raise IllegalTransitionError(f"a {job.status} job cannot be retried")
    job.failures = 0
    job.cancel_requested_at = None
    job.error = job.error_code = ""
    return _requeue(job)


def requeue_lost_jobs() -> int:
    """Give back what no living worker holds and remind the broker of what waits.

    Returns:
        How many jobs were acted upon. Running twice is harmless.
    """
    now = timezone.now()
    waited = now - timedelta(seconds=settings.JOB_LEASE_S)
    num = 0
    with transaction.atomic():
        lost = Job.objects.select_for_update(skip_locked=True).filter(
            status__in=sorted(ACTIVE), lease_until__lt=now
        )
        for job in lost.order_by("pk")[:100]:
            num += 1
            if job.cancel_requested_at is not None:
                _move(job, JobStatus.CANCELLED)
                continue
            job.failures += 1
            if job.failures >= settings.JOB_MAX_ATTEMPTS:
                _fail(
                    job,
                    code="worker_lost",
                    error=f"its worker died {job.failures} times; see the worker's log",
                )
            else:
                _requeue(job)
    with transaction.atomic():
        waiting = Job.objects.select_for_update(skip_locked=True).filter(
            status=JobStatus.QUEUED, enqueued_at__lt=waited
        )
        for job in waiting.order_by("pk")[:100]:
            num += 1
            _enqueue(job)
    return num


def note_worker(*, name: str, queues: Sequence[str], versions: dict[str, str]) -> None:
    """Record that a worker lives."""
    now = timezone.now()
    Worker.objects.update_or_create(
        name=name,
        defaults={"queues": list(queues), "versions": versions, "seen_at": now},
        create_defaults={
            "queues": list(queues),
            "versions": versions,
            "seen_at": now,
            "started_at": now,
        },
    )


def forget_worker(*, name: str) -> None:
    Worker.objects.filter(name=name).delete()


def _lease_end() -> Any:
    return timezone.now() + timedelta(seconds=settings.JOB_LEASE_S)


def _requeue(job: Job) -> Job:
    _move(job, JobStatus.QUEUED)
    _enqueue(job)
    return job


def _enqueue(job: Job) -> None:
    job.enqueued_at = timezone.now()
    job.save(update_fields=["enqueued_at"])
    enqueue(job.task, queue=job.queue, job_id=str(job.pk))


def _fail(job: Job, *, code: str, error: str) -> None:
    job.error_code, job.error = code, error
    _move(job, JobStatus.FAILED)


def _move(job: Job, status: JobStatus) -> Job:
    """Change a locked job's status, stamp the time, and tell its watchers."""
    if not job.may_become(status):
        raise IllegalTransitionError(f"a {job.status} job cannot become {status}")
    job.status = status
    if status == JobStatus.STARTING:
        job.started_at, job.finished_at = timezone.now(), None
    if job.is_over:
        job.finished_at = timezone.now()
    job.lease_until = _lease_end() if job.is_active else None
    job.save()
    _append(job, [_state(job)])
    return job


def _state(job: Job) -> NewEvent:
    payload = {"status": job.status, "attempt": job.attempt}
    if job.error:
        payload |= {"code": job.error_code, "detail": job.error}
    if job.cancel_requested_at and not job.is_over:
        payload["is_cancelling"] = True
    if job.status == JobStatus.DONE:
        payload["result"] = job.result
    return NewEvent(kind=EventKind.STATE, payload=payload)


def _progress(job: Job) -> NewEvent:
    """Progress with the time left, from the mean rate of this attempt."""
    newly_done = job.num_done - job.num_done_before
    elapsed_s = (
        (timezone.now() - job.started_at).total_seconds() if job.started_at else 0.0
    )
    rate = newly_done / elapsed_s if elapsed_s > 0 else 0.0
    payload = {
        "done": job.num_done,
        "total": job.num_total,
        "rate_per_s": round(rate, 2),
        "eta_s": round((job.num_total - job.num_done) / rate) if rate else None,
    }
    return NewEvent(kind=EventKind.PROGRESS, payload=payload)


def _append(job: Job, events: Sequence[NewEvent]) -> None:
    """Number and store events of a locked (or new) job, then poke its watchers."""
    rows = [
        JobEvent(
            job=job,
            seq=job.last_seq + offset,
            attempt=job.attempt,
            kind=event.kind,
            payload=event.payload,
        )
        for offset, event in enumerate(events, start=1)
    ]
    JobEvent.objects.bulk_create(rows)
    job.last_seq += len(rows)
    job.save(update_fields=["last_seq", "num_done", "updated_at"])
    publish(group(job.pk), JobPoked(job_id=str(job.pk), seq=job.last_seq))
