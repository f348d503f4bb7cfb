"""The state machine: exactly one result, however often work is delivered."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.core.errors import NotFoundError
from apps.jobs import services
from apps.jobs.errors import IllegalTransitionError, StaleAttemptError
from apps.jobs.models import Job, JobEvent
from apps.jobs.types import Claim, EventKind, JobStatus, NewEvent
from tests.waiting import waiting_job

LINE = NewEvent(kind=EventKind.LOG, payload={"line": "l"})


@pytest.fixture
def job(alice: User, workspace: Workspace) -> Job:
    return waiting_job(alice, workspace.pk)


def claimed(job: Job) -> Claim:
    claim = services.claim_job(job_id=job.pk, worker="w@host")
    assert claim is not None
    return claim


def let_the_lease_end(job: Job) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Job.objects.filter(pk=job.pk).update(lease_until=past)


def lose_the_worker(job: Job) -> Claim:
    claim = claimed(job)
    services.start_running(claim, num_total=2)
    let_the_lease_end(job)
    services.requeue_lost_jobs()
    return claim


def test_a_job_is_claimed_once(job: Job):
    first = services.claim_job(job_id=job.pk, worker="one")

    second = services.claim_job(job_id=job.pk, worker="two")

    job.refresh_from_db()
    assert (first.attempt if first else None, second) == (1, None)
    assert (job.status, job.worker) == (JobStatus.STARTING, "one")
    assert job.lease_until is not None


def test_a_job_that_is_not_there_is_nothing_to_do(db: None):
    assert services.claim_job(job_id=uuid4(), worker="w") is None


@pytest.mark.django_db(transaction=True)
def test_of_eight_workers_at_once_one_gets_it(job: Job):
    start = threading.Barrier(8)

    def claim(number: int) -> Claim | None:
        start.wait()
        try:
            return services.claim_job(job_id=job.pk, worker=f"w{number}")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(claim, range(8)))

    assert sum(one is not None for one in claims) == 1
    job.refresh_from_db()
    assert job.attempt == 1


@pytest.mark.parametrize(
    "act",
    [
        lambda claim: services.start_running(claim, num_total=1),
        lambda claim: services.report(claim, [LINE], num_newly_done=1),
        services.renew_lease,
        lambda claim: services.finish_job(claim, result={"a": 1}),
        lambda claim: services.fail_job(claim, code="c", error="e"),
        services.end_stopped,
    ],
)
@pytest.mark.parametrize("is_claimed_again", [True, False])
def test_an_attempt_that_lost_its_job_writes_nothing(
    job: Job, act: Callable[[Claim], Any], *, is_claimed_again: bool
):
    stale = lose_the_worker(job)
    if is_claimed_again:
        claimed(job)
    before = (list(Job.objects.values()), list(JobEvent.objects.values()))

    with pytest.raises(StaleAttemptError):
        act(stale)

    assert (list(Job.objects.values()), list(JobEvent.objects.values())) == before


def test_a_lost_job_waits_again_and_its_next_attempt_ends_it(
    job: Job, django_capture_on_commit_callbacks: Any
):
    with django_capture_on_commit_callbacks() as sent:
        stale = lose_the_worker(job)

    fresh = claimed(job)
    services.start_running(fresh, num_total=2)
    services.finish_job(fresh, result={"by": "second"})
    job.refresh_from_db()
    assert (stale.attempt, fresh.attempt) == (1, 2)
    assert (job.status, job.result, job.failures) == (
        JobStatus.DONE,
        {"by": "second"},
        1,
    )
    assert "apply_async" not in str(sent)
    assert sum("_send" in str(one) for one in sent) == len(sent)


def test_a_job_that_kills_its_workers_fails_in_the_end(job: Job, settings: Any):
    settings.JOB_MAX_ATTEMPTS = 3

    statuses = []
    for _ in range(3):
        lose_the_worker(job)
        job.refresh_from_db()
        statuses.append(job.status)

    assert statuses == [JobStatus.QUEUED, JobStatus.QUEUED, JobStatus.FAILED]
    assert (job.attempt, job.error_code) == (3, "worker_lost")
    assert job.error == "its worker died 3 times; see the worker's log"
    assert services.claim_job(job_id=job.pk, worker="w") is None


def test_a_job_that_is_alive_is_left_alone(job: Job):
    services.start_running(claimed(job), num_total=1)

    num = services.requeue_lost_jobs()

    job.refresh_from_db()
    assert (num, job.status, job.failures) == (0, JobStatus.RUNNING, 0)


def test_renewing_keeps_a_job(job: Job, settings: Any):
    claim = claimed(job)
    let_the_lease_end(job)

    services.renew_lease(claim)

    job.refresh_from_db()
    left_s = (job.lease_until - timezone.now()).total_seconds()
    assert settings.JOB_LEASE_S - 5 < left_s <= settings.JOB_LEASE_S
    assert services.requeue_lost_jobs() == 0


def test_a_lost_job_whose_person_asked_to_stop_is_cancelled(job: Job, alice: User):
    claimed(job)
    services.cancel_job(user=alice, job_id=job.pk)
    let_the_lease_end(job)

    services.requeue_lost_jobs()

    job.refresh_from_db()
    assert (job.status, job.failures) == (JobStatus.CANCELLED, 0)


def test_the_broker_is_reminded_of_what_waits_too_long(
    job: Job, settings: Any, django_capture_on_commit_callbacks: Any
):
    long_ago = timezone.now() - timedelta(seconds=settings.JOB_LEASE_S + 1)
    Job.objects.filter(pk=job.pk).update(enqueued_at=long_ago)

    with django_capture_on_commit_callbacks() as sent:
        nums = [services.requeue_lost_jobs(), services.requeue_lost_jobs()]

    assert nums == [1, 0]
    assert len(sent) == 1


def test_events_are_numbered_without_a_gap(job: Job):
    claim = claimed(job)
    services.start_running(claim, num_total=2)
    services.report(claim, [LINE, LINE], num_newly_done=1)
    services.report(claim, [LINE], num_newly_done=1)
    services.finish_job(claim, result={})

    events = JobEvent.objects.filter(job=job).order_by("seq")

    assert list(events.values_list("seq", "kind")) == [
        (1, "state"),
        (2, "state"),
        (3, "state"),
        (4, "log"),
        (5, "log"),
        (6, "progress"),
        (7, "log"),
        (8, "progress"),
        (9, "state"),
        (10, "state"),
    ]
    job.refresh_from_db()
    assert (job.last_seq, job.num_done, job.num_total) == (10, 2, 2)


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_leave_no_gap(job: Job):
    claim = claimed(job)
    services.start_running(claim, num_total=40)

    def write(_number: int) -> None:
        try:
            services.report(claim, [LINE], num_newly_done=1)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(40)))

    job.refresh_from_db()
    seqs = (
        JobEvent.objects.filter(job=job).order_by("seq").values_list("seq", flat=True)
    )
    assert list(seqs) == list(range(1, 84))
    assert (job.num_done, job.last_seq) == (40, 83)


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED])
def test_what_ended_badly_is_tried_again_from_a_clean_slate(
    job: Job, alice: User, status: JobStatus
):
    claim = claimed(job)
    if status is JobStatus.FAILED:
        services.fail_job(claim, code="c", error="e")
    else:
        services.end_stopped(claim)

    again = services.retry_job(user=alice, job_id=job.pk)

    assert (again.status, again.failures, again.error, again.cancel_requested_at) == (
        JobStatus.QUEUED,
        0,
        "",
        None,
    )
    assert claimed(job).attempt == 2


def test_a_job_that_is_at_work_is_not_tried_again(job: Job, alice: User):
    claimed(job)

    with pytest.raises(IllegalTransitionError):
        services.retry_job(user=alice, job_id=job.pk)


def test_a_stranger_neither_cancels_nor_retries(job: Job, charlie: User):
    for act in (services.cancel_job, services.retry_job):
        with pytest.raises(NotFoundError):
            act(user=charlie, job_id=job.pk)

    job.refresh_from_db()
    assert job.status == JobStatus.QUEUED


def test_an_unknown_task_makes_no_job(alice: User, workspace: Workspace):
    with pytest.raises(LookupError, match="no Celery task is named"):
        waiting_job(alice, workspace.pk, task="tests.nothing")

    assert not Job.objects.exists()
