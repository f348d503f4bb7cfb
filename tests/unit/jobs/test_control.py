"""Paused, drained, out of time, left behind: what can happen to work that runs."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.core.errors import DomainError, NotFoundError
from apps.core.processes import EngineError
from apps.jobs import services
from apps.jobs.errors import IllegalTransitionError
from apps.jobs.models import Job, JobEvent, Worker
from apps.jobs.services import Beat, Holding, carrying
from apps.jobs.types import Claim, EventKind, JobStatus, NewEvent
from tests.waiting import waiting_job

WORKER = "celery@host"


@pytest.fixture
def job(alice: User, workspace: Workspace) -> Job:
    return waiting_job(alice, workspace.pk, time_limit_s=60)


def running(job: Job) -> Claim:
    claim = services.claim_job(job_id=job.pk, worker=WORKER)
    assert claim is not None
    services.start_running(claim, num_total=10)
    return claim


def again(job: Job) -> Job:
    job.refresh_from_db()
    return job


def test_a_paused_job_stops_and_goes_on_when_it_is_resumed(job: Job, alice: User):
    claim = running(job)
    services.pause_job(user=alice, job_id=job.pk)

    assert services.keep_job(claim) == "pause"
    services.end_stopped(claim)

    assert again(job).status == JobStatus.PREEMPTED
    assert services.claim_job(job_id=job.pk, worker=WORKER) is None
    services.resume_job(user=alice, job_id=job.pk)
    assert running(job).attempt == 2
    assert again(job).pause_requested_at is None


def test_a_waiting_job_is_paused_at_once_and_may_be_cancelled(job: Job, alice: User):
    assert services.pause_job(user=alice, job_id=job.pk).status == "preempted"
    assert services.cancel_job(user=alice, job_id=job.pk).status == "cancelled"


def test_a_job_whose_worker_dies_while_pausing_is_paused(job: Job, alice: User):
    running(job)
    services.pause_job(user=alice, job_id=job.pk)

    services.requeue_jobs_of(WORKER)

    assert (again(job).status, job.failures) == (JobStatus.PREEMPTED, 0)


@pytest.mark.parametrize("act", [services.pause_job, services.resume_job])
def test_what_is_over_is_neither_paused_nor_resumed(
    job: Job, alice: User, charlie: User, act: Any
):
    services.finish_job(running(job), result={})

    with pytest.raises(IllegalTransitionError):
        act(user=alice, job_id=job.pk)
    with pytest.raises(NotFoundError):
        act(user=charlie, job_id=job.pk)


def test_a_job_that_takes_too_long_fails_and_says_how_to_go_on(job: Job):
    claim = running(job)
    Job.objects.filter(pk=job.pk).update(
        started_at=timezone.now() - timedelta(seconds=61)
    )

    assert services.keep_job(claim) == "time_limit"
    services.end_stopped(claim)

    assert (again(job).status, job.error_code) == (JobStatus.FAILED, "time_limit")
    assert job.error == "it was at work for more than 60 s; raise its time limit"


def test_a_worker_that_leaves_gives_its_job_back(job: Job):
    services.note_worker(Beat(name=WORKER, queues=["cpu"]))
    claim = running(job)
    services.note_leaving(name=WORKER)

    assert services.keep_job(claim) == "worker_leaves"
    services.end_stopped(claim)

    assert (again(job).status, job.failures) == (JobStatus.QUEUED, 0)


def test_a_drained_worker_takes_nothing_until_it_is_wanted_again(job: Job):
    services.note_worker(Beat(name=WORKER, queues=["cpu"]))
    services.drain_worker(name=WORKER, is_drained=True)

    assert services.claim_job(job_id=job.pk, worker=WORKER) is None
    assert services.note_worker(Beat(name=WORKER, queues=["cpu"]))
    services.drain_worker(name=WORKER, is_drained=False)
    assert running(job).attempt == 1


def test_a_worker_that_comes_back_gives_back_what_it_held_before(job: Job):
    services.note_worker(Beat(name=WORKER, queues=[], machine="m", pid=1))
    running(job)

    services.note_worker(Beat(name=WORKER, queues=[], machine="m", pid=1))
    assert again(job).status == JobStatus.RUNNING
    services.note_worker(Beat(name=WORKER, queues=[], machine="m", pid=2))

    assert (again(job).status, job.failures) == (JobStatus.QUEUED, 1)


def test_the_dead_of_a_machine_are_found_by_the_living(job: Job):
    services.note_worker(Beat(name=WORKER, queues=[], machine="m", pid=7))
    running(job)

    assert services.forget_dead(machine="elsewhere", living=[]) == 0
    assert services.forget_dead(machine="m", living=[7]) == 0
    assert services.forget_dead(machine="m", living=[8]) == 1
    assert again(job).status == JobStatus.QUEUED
    assert not Worker.objects.exists()


def test_losses_are_counted_from_the_last_checkpoint(job: Job, settings: Any):
    settings.JOB_MAX_ATTEMPTS = 3
    for _ in range(5):
        services.note_checkpoint(running(job))
        services.requeue_jobs_of(WORKER)
    assert (again(job).status, job.failures) == (JobStatus.QUEUED, 1)

    for _ in range(2):
        running(job)
        services.requeue_jobs_of(WORKER)

    assert (again(job).status, job.error_code) == (JobStatus.FAILED, "worker_lost")


def test_a_write_that_names_itself_is_done_once(job: Job):
    claim = running(job)
    line = [NewEvent(kind=EventKind.LOG, payload={"line": "l"})]
    name = "6a0f4c52-6d0b-4a27-9c11-f0a3b6f1a001"

    first = services.report(claim, line, num_newly_done=1, write_id=name)
    second = services.report(
        claim, line, num_newly_done=1, write_id=again(job).last_write
    )

    assert (first, second) == (True, False)
    assert JobEvent.objects.filter(job=job, kind=EventKind.LOG).count() == 1
    assert again(job).num_done == 1


def carry(job: Job, work: Any) -> Job:
    services.carry_out(job_id=job.pk, worker=WORKER, work=work)
    return again(job)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EngineError("CUDA out of memory", cause="out_of_memory"), "out_of_memory"),
        (DomainError("no such thing"), "invalid"),
        (OSError(28, "No space left on device"), "disk_full"),
    ],
)
def test_what_goes_wrong_becomes_the_jobs_end(job: Job, error: Exception, code: str):
    def work(holding: Holding) -> None:
        services.start_running(holding.claim, num_total=1)
        raise error

    job = carry(job, work)

    assert (job.status, job.error_code) == (JobStatus.FAILED, code)
    assert str(error) in job.error


def test_a_stop_ends_the_work_at_its_next_look(job: Job, alice: User):
    def work(holding: Holding) -> None:
        services.start_running(holding.claim, num_total=1)
        holding.keep(is_urgent=True)
        services.cancel_job(user=alice, job_id=job.pk)
        holding.keep()  # renewed just now
        holding.keep(is_urgent=True)
        pytest.fail("went on")

    assert carry(job, work).status == JobStatus.CANCELLED


def test_a_second_delivery_does_nothing(job: Job):
    running(job)

    services.carry_out(job_id=job.pk, worker=WORKER, work=lambda _: pytest.fail("ran"))

    assert again(job).attempt == 1


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_away_is_waited_for():
    answers = iter([OperationalError("gone"), OperationalError("gone"), 7])

    def write() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert carrying.patiently(write) == 7
    with pytest.raises(OperationalError):
        carrying.patiently(fail, for_s=0)


def fail() -> None:
    raise OperationalError("gone")


def test_folders_go_when_nobody_needs_them(job: Job, settings: Any, tmp_path: Path):
    settings.RUNS_DIR = tmp_path
    folder = services.run_dir(job.pk)
    folder.mkdir()
    (tmp_path / "not-a-job").mkdir()
    claim = running(job)

    assert services.clean_run_dirs() == 0
    services.fail_job(claim, code="c", error="e")
    assert services.clean_run_dirs() == 0
    long_ago = timezone.now() - timedelta(days=8)
    Job.objects.filter(pk=job.pk).update(finished_at=long_ago)
    assert services.clean_run_dirs() == 1
    assert [path.name for path in tmp_path.iterdir()] == ["not-a-job"]
    shutil.rmtree(tmp_path)
    assert services.clean_run_dirs() == 0
