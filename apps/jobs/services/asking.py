"""What people ask of jobs: make, cancel, pause, resume, try again."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.jobs import selectors
from apps.jobs.errors import IllegalTransitionError
from apps.jobs.models import Job
from apps.jobs.services.machine import append, move, requeue, send, state
from apps.jobs.types import JobStatus, NewJob

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
        priority=new.priority,
        num_gpus=new.needs.num_gpus,
        num_cpus=new.needs.num_cpus,
        is_gpu_shared=new.needs.is_gpu_shared,
        time_limit_s=new.time_limit_s,
    )
    append(job, [state(job)])
    send(job)
    return job


@transaction.atomic
def cancel_job(*, user: "User", job_id: UUID) -> Job:
    """Stop a job: at once if it waits, else as soon as its worker notices.

    Raises:
        NotFoundError: No such job for this user.
        RoleTooLowError: It takes an annotator.
        IllegalTransitionError: The job is already over.
    """
    return cancel(_access(user, job_id))


def cancel(job: Job) -> Job:
    """Stop a locked job; see :func:`cancel_job`."""
    if job.status in {JobStatus.QUEUED, JobStatus.PREEMPTED}:
        return move(job, JobStatus.CANCELLED)
    if not job.is_active:
        raise IllegalTransitionError(
            _("a {status} job cannot be cancelled").format(
                status=job.get_status_display().lower()
            )
        )
    if job.cancel_requested_at is None:
        job.cancel_requested_at = timezone.now()
        job.save(update_fields=["cancel_requested_at", "updated_at"])
        append(job, [state(job)])
    return job


@transaction.atomic
def pause_job(*, user: "User", job_id: UUID) -> Job:
    """Set a job aside, with its devices free, until it is resumed.

    Raises:
        NotFoundError: No such job for this user.
        RoleTooLowError: It takes an annotator.
        IllegalTransitionError: The job is over, or paused already.
    """
    job = _access(user, job_id)
    if not job.may_become(JobStatus.PREEMPTED):
        raise IllegalTransitionError(
            _("a {status} job cannot be paused").format(
                status=job.get_status_display().lower()
            )
        )
    if job.status == JobStatus.QUEUED:
        return move(job, JobStatus.PREEMPTED)
    if job.pause_requested_at is None:
        job.pause_requested_at = timezone.now()
        job.save(update_fields=["pause_requested_at", "updated_at"])
        append(job, [state(job)])
    return job


@transaction.atomic
def resume_job(*, user: "User", job_id: UUID) -> Job:
    """Queue a paused job; it goes on from its checkpoint.

    Raises:
        NotFoundError: No such job for this user.
        RoleTooLowError: It takes an annotator.
        IllegalTransitionError: The job is not paused.
    """
    job = _access(user, job_id)
    if not job.may_resume:
        raise IllegalTransitionError(
            _("a {status} job cannot be resumed").format(
                status=job.get_status_display().lower()
            )
        )
    return requeue(job)


@transaction.atomic
def retry_job(*, user: "User", job_id: UUID) -> Job:
    """Queue a failed or cancelled job again.

    Raises:
        NotFoundError: No such job for this user.
        RoleTooLowError: It takes an annotator.
        IllegalTransitionError: The job is not over, or it went well.
    """
    return retry(_access(user, job_id))


def retry(job: Job) -> Job:
    """Queue a locked job again; see :func:`retry_job`."""
    if not job.may_retry:
        raise IllegalTransitionError(
            _("a {status} job cannot be retried").format(
                status=job.get_status_display().lower()
            )
        )
    job.failures = 0
    job.cancel_requested_at = None
    job.error = job.error_code = ""
    return requeue(job)


@transaction.atomic
def cancel_as_staff(*, job_id: UUID, by: "User") -> Job:
    """Cancel anybody's job; staff were checked, and it stands in the audit log.

    Raises:
        IllegalTransitionError: The job is already over.
    """
    return _as_staff(job_id, by, "job.cancelled", cancel)


@transaction.atomic
def retry_as_staff(*, job_id: UUID, by: "User") -> Job:
    """Queue anybody's failed or cancelled job again; see :func:`cancel_as_staff`.

    Raises:
        IllegalTransitionError: The job is not over, or it went well.
    """
    return _as_staff(job_id, by, "job.retried", retry)


def _as_staff(job_id: UUID, by: "User", action: str, act: Callable[[Job], Job]) -> Job:
    job = act(Job.objects.select_for_update().get(pk=job_id))
    audit(action=action, target=job.pk, actor=by, workspace_id=job.workspace_id)
    return job


def _access(user: "User", job_id: UUID) -> Job:
    return selectors.access_job(
        user=user, job_id=job_id, needs=Role.ANNOTATOR, lock=True
    )
