"""The one state machine: what every change of a job goes through.

Every write of a worker passes :func:`fenced`: it locks the job's row and refuses an
attempt that is no longer the current one. That makes redelivery by the broker, a worker
that wakes after its lease ended, and two workers at once harmless.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core.happenings import tell
from apps.core.queue import enqueue
from apps.core.realtime import publish
from apps.jobs.errors import IllegalTransitionError, StaleAttemptError
from apps.jobs.events import JobPoked, group
from apps.jobs.models import Job
from apps.jobs.services import leases
from apps.jobs.types import Claim, EventKind, JobStatus, NewEvent

# The two statements of a report, which a running job writes several times a second.
# Put together anew by the ORM they took three times the processor time of all the rest.
HELD_SQL = "SELECT * FROM jobs_job WHERE id = %s FOR UPDATE"
APPEND_SQL = """
WITH written AS (
  INSERT INTO jobs_jobevent (job_id, seq, attempt, kind, payload, at)
  SELECT
    %(job)s, %(last_seq)s + number, %(attempt)s, kind, payload::jsonb, %(now)s
  FROM unnest(%(kinds)s::text[], %(payloads)s::text[])
    WITH ORDINALITY AS said (kind, payload, number)
)
UPDATE jobs_job SET
  last_seq = %(last_seq)s + cardinality(%(kinds)s::text[]), num_done = %(num_done)s,
  last_write = %(last_write)s, updated_at = %(now)s
WHERE id = %(job)s
"""


@contextmanager
def fenced(claim: Claim) -> Iterator[Job]:
    """Open a transaction in which this attempt alone may write about its job.

    Raises:
        StaleAttemptError: The job ended, or another attempt has it.
    """
    with transaction.atomic():
        job = next(iter(Job.objects.raw(HELD_SQL, [claim.job_id])), None)
        if job is None or job.attempt != claim.attempt or not job.is_active:
            raise StaleAttemptError(
                _("attempt {attempt} of {job_id} is over").format(
                    attempt=claim.attempt, job_id=claim.job_id
                )
            )
        yield job


def move(job: Job, status: JobStatus, *, detail: str = "") -> Job:
    """Change a locked job's status, stamp the time, and tell its watchers."""
    if not job.may_become(status):
        raise IllegalTransitionError(
            _("a {status} job cannot become {other}").format(
                status=job.status, other=status
            )
        )
    job.status = status
    if status == JobStatus.STARTING:
        job.started_at, job.finished_at, job.waits_for = timezone.now(), None, ""
    if job.is_over:
        job.finished_at = timezone.now()
    job.lease_until = lease_end() if job.is_active else None
    if not job.is_active:
        job.pause_requested_at = job.yield_requested_at = None
    job.save()
    append(job, [state(job, detail=detail)])
    if not job.is_active:
        for waiting in leases.free(job):
            send(waiting)
    if job.is_over:
        facts = {"id": job.pk, "kind": job.kind, "error": job.error}
        tell(f"job.{job.status}", workspace_id=job.workspace_id, **facts)
    return job


def fail(job: Job, *, code: str, error: str) -> Job:
    job.error_code, job.error = code[:64], error
    return move(job, JobStatus.FAILED)


def requeue(job: Job, *, detail: str = "") -> Job:
    move(job, JobStatus.QUEUED, detail=detail)
    send(job)
    return job


def send(job: Job) -> None:
    """Put a ticket for a waiting job into the broker; one too many does no harm."""
    job.enqueued_at = timezone.now()
    job.save(update_fields=["enqueued_at"])
    enqueue(job.task, queue=job.queue, priority=job.priority, job_id=str(job.pk))


def lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.JOB_LEASE_S)


def state(job: Job, *, detail: str = "") -> NewEvent:
    payload = {"status": job.status, "attempt": job.attempt}
    if detail:
        payload["detail"] = detail
    if job.error:
        payload |= {"code": job.error_code, "detail": job.error}
    if job.cancel_requested_at and not job.is_over:
        payload["is_cancelling"] = True
    if job.pause_requested_at and job.is_active:
        payload["is_pausing"] = True
    if job.status == JobStatus.DONE:
        payload["result"] = job.result
    return NewEvent(kind=EventKind.STATE, payload=payload)


def progress(job: Job) -> NewEvent:
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


def append(job: Job, events: Sequence[NewEvent]) -> None:
    """Number and store events of a locked (or new) job, then poke its watchers."""
    job.updated_at = timezone.now()
    written: dict[str, Any] = {
        "job": job.pk, "attempt": job.attempt, "last_seq": job.last_seq,
        "num_done": job.num_done, "last_write": job.last_write, "now": job.updated_at,
        "kinds": [event.kind.value for event in events],
        "payloads": [json.dumps(event.payload) for event in events],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(APPEND_SQL, written)
    job.last_seq += len(events)
    publish(group(job.pk), JobPoked(job_id=str(job.pk), seq=job.last_seq))
