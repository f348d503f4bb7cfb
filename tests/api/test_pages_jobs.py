"""The job pages and the bell."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.core.devices import DeviceKind, FoundDevice
from apps.jobs.models import Job, Worker
from apps.jobs.services import note_devices
from apps.jobs.types import JobStatus
from tests.factories.jobs import JobFactory

HTMX = {"HX-Request": "true"}


@pytest.fixture
def client(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def job(alice: User, workspace: Workspace) -> Job:
    return JobFactory(workspace=workspace, created_by=alice)


def test_a_waiting_job_is_followed_and_its_part_asks_again(
    client: Client, job: Job
) -> None:
    url = reverse("jobs:job", args=[job.pk])

    page = client.get(url).text
    part = client.get(url, headers=HTMX).text

    assert f'data-job-socket="{job.pk}"' in page
    assert 'data-text-done="Done"' in page
    assert part.strip().startswith("<div")
    assert f'hx-get="{url}" hx-trigger="every 3s"' in part
    assert "<html" not in part


def test_a_job_that_waits_for_a_gpu_that_nobody_has_says_so(
    client: Client, job: Job
) -> None:
    url = reverse("jobs:job", args=[job.pk])
    Job.objects.filter(pk=job.pk).update(waits_for="devices", num_gpus=1)

    assert "no computer of the cluster has one" in client.get(url).text
    gpu = FoundDevice(kind=DeviceKind.GPU, index=0, name="gpu", num_slots=1)
    note_devices("host", [gpu])
    assert "devices that other jobs hold" in client.get(url).text


def test_a_job_that_is_over_is_neither_followed_nor_asked_again(
    client: Client, job: Job
) -> None:
    Job.objects.filter(pk=job.pk).update(status=JobStatus.CANCELLED)

    html = client.get(reverse("jobs:job", args=[job.pk])).text

    assert "data-job-socket" not in html
    assert "every 3s" not in html
    assert reverse("jobs:retry", args=[job.pk]) in html
    assert reverse("jobs:cancel", args=[job.pk]) not in html


def test_cancelling_from_the_page_ends_a_waiting_job(client: Client, job: Job) -> None:
    answer = client.post(reverse("jobs:cancel", args=[job.pk]))

    job.refresh_from_db()
    assert answer.url == reverse("jobs:job", args=[job.pk])
    assert job.status == JobStatus.CANCELLED


def test_a_page_says_that_no_worker_answers(client: Client, job: Job) -> None:
    url = reverse("jobs:job", args=[job.pk])
    alone = client.get(url).text
    Worker.objects.create(name="cpu@here", queues=["cpu"])

    assert "No worker answers right now" in alone
    assert "No worker answers right now" not in client.get(url).text


def test_a_silent_worker_is_called_silent(client: Client) -> None:
    long_ago = timezone.now() - timedelta(hours=2)
    Worker.objects.create(name="cpu@gone", queues=["cpu"], seen_at=long_ago)

    html = client.get(reverse("jobs:jobs")).text

    assert 'data-status="silent">Silent</span>' in html


def test_older_jobs_come_page_by_page_without_a_gap(
    client: Client, alice: User, workspace: Workspace
) -> None:
    made = JobFactory.create_batch(53, workspace=workspace, created_by=alice)
    url = reverse("jobs:jobs")

    first = client.get(url).text
    more = re.search(r'hx-get="\?before=([^"]+)"', first)
    assert more is not None
    second = client.get(f"{url}?before={more[1]}", headers=HTMX).text

    found = [
        re.findall(r'<th scope="row"><a href="/jobs/([^/]+)/', html)
        for html in (first, second)
    ]
    assert [len(ids) for ids in found] == [50, 3]
    assert {*found[0], *found[1]} == {str(job.pk) for job in made}


def test_nonsense_in_the_address_is_ignored(client: Client, job: Job) -> None:
    html = client.get(reverse("jobs:jobs"), {"before": "soon", "status": "?"}).text

    assert str(job.pk) in html


def test_the_bell_shows_what_runs_before_what_ended(
    client: Client, alice: User, workspace: Workspace
) -> None:
    runs = JobFactory(workspace=workspace, created_by=alice, title="old and waiting")
    ended = JobFactory(workspace=workspace, created_by=alice, title="ended")
    Job.objects.filter(pk=ended.pk).update(
        status=JobStatus.CANCELLED, finished_at=timezone.now()
    )

    html = client.get(reverse("jobs:news")).text

    assert re.findall(r'href="/jobs/([^/"]+)/"', html) == [str(runs.pk), str(ended.pk)]
