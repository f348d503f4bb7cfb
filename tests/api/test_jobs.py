"""Jobs through the API: seen, followed, cancelled and tried again."""

import uuid
from collections.abc import Callable

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import User, Workspace
from apps.jobs import services
from apps.jobs.models import Job
from apps.jobs.types import Claim, EventKind, JobStatus, NewEvent
from tests.waiting import waiting_job

As = Callable[[User], APIClient]


@pytest.fixture
def job(alice: User, workspace: Workspace) -> Job:
    return waiting_job(alice, workspace.pk)


def run(job: Job, num_items: int = 0) -> Claim:
    claim = services.claim_job(job_id=job.pk, worker="w")
    assert claim is not None
    services.start_running(claim, num_total=num_items)
    for number in range(num_items):
        event = NewEvent(kind=EventKind.ITEM, payload={"image_id": number})
        services.report(claim, [event], num_newly_done=1)
    return claim


def test_events_are_read_from_where_one_was(bob: User, job: Job, api_as: As):
    services.finish_job(run(job, 2), result={"num_images": 2})
    url = reverse("jobs-api:event-list", args=[job.pk])

    rows = api_as(bob).get(url).json()
    later = api_as(bob).get(url, {"after": 5}).json()

    assert [(row["seq"], row["kind"]) for row in rows] == [
        (1, "state"),
        (2, "state"),
        (3, "state"),
        (4, "item"),
        (5, "progress"),
        (6, "item"),
        (7, "progress"),
        (8, "state"),
        (9, "state"),
    ]
    assert later == rows[5:]
    assert rows[-1]["payload"] == {
        "status": "done",
        "attempt": 1,
        "result": {"num_images": 2},
    }
    assert rows[6]["payload"].keys() == {"done", "total", "rate_per_s", "eta_s"}


def test_a_waiting_job_is_cancelled_at_once_and_tried_again(
    bob: User, job: Job, api_as: As, django_capture_on_commit_callbacks
):
    cancelled = api_as(bob).post(reverse("jobs-api:cancel", args=[job.pk]))
    with django_capture_on_commit_callbacks() as sent:
        retried = api_as(bob).post(reverse("jobs-api:retry", args=[job.pk]))

    assert cancelled.json()["status"] == "cancelled"
    assert retried.json()["status"] == "queued"
    assert retried.json()["cancel_requested_at"] is None
    assert len(sent) == 2  # one poke, one task


def test_a_running_job_is_asked_to_stop(bob: User, job: Job, api_as: As):
    claim = run(job)

    answer = api_as(bob).post(reverse("jobs-api:cancel", args=[job.pk]))

    assert answer.json()["status"] == "running"
    assert answer.json()["cancel_requested_at"] is not None
    assert services.renew_lease(claim) is False


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_what_went_well_is_neither_cancelled_nor_tried_again(
    bob: User, job: Job, api_as: As, action: str
):
    services.finish_job(run(job), result={})

    answer = api_as(bob).post(reverse(f"jobs-api:{action}", args=[job.pk]))

    job.refresh_from_db()
    assert answer.status_code == 409
    assert answer.json()["code"] == "illegal_transition"
    assert job.status == JobStatus.DONE


def test_a_failure_says_why(bob: User, job: Job, api_as: As):
    services.fail_job(run(job), code="EngineError", error="out of memory")

    answer = api_as(bob).get(reverse("jobs-api:job", args=[job.pk])).json()

    assert (answer["status"], answer["error_code"], answer["error"]) == (
        "failed",
        "EngineError",
        "out of memory",
    )


def test_jobs_are_listed_by_what_one_asks(bob: User, job: Job, api_as: As):
    url = reverse("jobs-api:job-list")

    found = [
        len(api_as(bob).get(url, query).json()["results"])
        for query in (
            {},
            {"status": "queued"},
            {"status": "done"},
            {"kind": "prelabel"},
            {"kind": "train"},
            {"workspace": job.workspace_id},
            {"workspace": 0},
        )
    ]

    assert found == [1, 1, 0, 1, 0, 1, 0]


def test_workers_are_shown_while_they_are_heard_of(bob: User, api_as: As, settings):
    services.note_worker(
        services.Beat(name="w@host", queues=["cpu"], versions={"celery": "5"})
    )
    url = reverse("jobs-api:worker-list")

    alive = api_as(bob).get(url).json()
    settings.WORKER_SILENT_S = 0
    silent = api_as(bob).get(url).json()

    assert [(row["name"], row["queues"]) for row in alive] == [("w@host", ["cpu"])]
    assert (alive[0]["is_alive"], silent[0]["is_alive"]) == (True, False)


def test_an_unknown_job_is_not_found(bob: User, api_as: As):
    answer = api_as(bob).get(reverse("jobs-api:job", args=[uuid.uuid4()]))

    assert answer.status_code == 404
    assert answer.json() == {"detail": "job not found", "code": "not_found"}
