"""What who is on call sees and may do: queues, devices, causes, draining, numbers."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import AuditEntry, User, Workspace
from apps.core.devices import DeviceKind, FoundDevice
from apps.jobs import selectors, services
from apps.jobs.models import Job, Worker
from apps.jobs.services import Beat
from apps.jobs.types import JobStatus, Needs
from tests.waiting import waiting_job

WORKER = "celery@host"


@pytest.fixture
def staff(alice: User) -> User:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    return alice


@pytest.fixture
def host(db: None) -> None:
    services.note_worker(Beat(name=WORKER, queues=["cpu", "io"], memory_bytes=2**20))
    gpu = FoundDevice(
        kind=DeviceKind.GPU, index=0, name="A", num_slots=2, temperature_c=61.0
    )
    services.note_devices("host", [gpu])


def failed(alice: User, workspace: Workspace, code: str) -> None:
    job = waiting_job(alice, workspace.pk)
    claim = services.claim_job(job_id=job.pk, worker=WORKER)
    assert claim is not None
    services.fail_job(claim, code=code, error="e")


def test_the_page_tells_what_waits_and_why_things_failed(
    alice: User, workspace: Workspace, host: None, client: Client
):
    waiting_job(alice, workspace.pk)
    for code in ("disk_full", "killed", "killed"):
        failed(alice, workspace, code)
    client.force_login(alice)

    page = client.get(reverse("jobs:jobs"))

    queues = {one.name: one for one in page.context["queues"]}
    assert (queues["cpu"].num_waiting, queues["cpu"].num_workers) == (1, 1)
    assert (queues["gpu"].num_waiting, queues["gpu"].num_workers) == (0, 0)
    causes = [(one.code, one.num) for one in page.context["failures"]]
    assert causes == [("killed", 2), ("disk_full", 1)]
    assert b"Killed by the system" in page.content
    assert b"0 of 2 slots taken" in page.content
    assert sum(one.num_failed for one in selectors.history(
        user=alice, workspace_id=workspace.pk
    )) == 3  # fmt: skip


def test_staff_drain_a_worker_and_it_is_written_down(
    staff: User, host: None, client: Client
):
    client.force_login(staff)
    form = {"worker": WORKER, "drain": "1"}

    client.post(reverse("jobs:drain"), form)

    assert Worker.objects.get().is_drained
    assert selectors.list_queues()[0].num_workers == 0
    client.post(reverse("jobs:drain"), {**form, "drain": "0"})
    assert not Worker.objects.get().is_drained
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["worker.drained", "worker.undrained"]


def test_a_scraper_reads_gauges(alice: User, workspace: Workspace, host: None):
    job = waiting_job(alice, workspace.pk, needs=Needs(num_gpus=1), queue="gpu")
    services.claim_job(job_id=job.pk, worker=WORKER)

    told = Client().get("/metrics").content.decode()

    assert '\ndsportal_jobs_active{queue="gpu"} 1\n' in told
    assert 'dsportal_device_slots_leased{host="host",device="gpu0"} 2\n' in told
    assert 'dsportal_device_temperature_celsius{host="host",device="gpu0"} 61\n' in told
    assert 'dsportal_worker_up{worker="celery@host"} 1\n' in told
    assert told.count("# TYPE dsportal_jobs_waiting gauge\n") == 1


@pytest.mark.parametrize(
    ("token", "headers", "status"),
    [
        ("", {}, 200),
        ("", {"X-Forwarded-For": "10.0.0.9"}, 401),
        ("secret", {}, 401),
        ("secret", {"Authorization": "Bearer guess"}, 401),
        ("secret", {"Authorization": "Bearer secret"}, 200),
    ],
)
def test_numbers_are_for_this_machine_or_who_has_the_token(
    db: None, settings: Any, token: str, headers: dict[str, str], status: int
):
    settings.METRICS_TOKEN = token

    assert Client(headers=headers).get("/metrics").status_code == status


def test_the_admin_lists_and_cancels_jobs_of_everybody(
    staff: User, charlie: User, client: Client
):
    theirs = charlie.memberships.get().workspace
    job = waiting_job(charlie, theirs.pk)
    client.force_login(staff)
    url = reverse("admin:jobs_job_changelist")

    listed = client.get(url)
    assert str(job.pk) in listed.text
    assert f"?kind={job.kind}" in listed.text  # a filter knows what there is
    assert str(job.pk) in client.get(url, {"kind": job.kind}).text
    assert str(job.pk) not in client.get(url, {"kind": "none-of-them"}).text
    client.post(url, {"action": "cancel_chosen", "_selected_action": [str(job.pk)]})

    assert Job.objects.get(pk=job.pk).status == JobStatus.CANCELLED
    assert AuditEntry.objects.get(action="job.cancelled").target == str(job.pk)
    for name in ("jobevent", "worker", "device", "devicelease"):
        assert client.get(reverse(f"admin:jobs_{name}_changelist")).status_code == 200
