"""Devices are leased: never twice, freed with the attempt, given to the most urgent."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection

from apps.accounts.models import User, Workspace
from apps.core.devices import DeviceKind, FoundDevice, find_devices
from apps.jobs import services
from apps.jobs.models import Device, DeviceLease, Job
from apps.jobs.types import JobStatus, Needs, Priority
from tests.waiting import waiting_job

HOST, WORKER = "gpu-7", "celery@gpu-7"


@pytest.fixture
def gpus(db: None) -> None:
    services.note_devices(
        HOST,
        [
            FoundDevice(kind=DeviceKind.CPU, index=0, name="cpu", num_slots=4),
            FoundDevice(kind=DeviceKind.GPU, index=0, name="a", num_slots=2),
            FoundDevice(kind=DeviceKind.GPU, index=1, name="b", num_slots=2),
        ],
    )


@pytest.fixture
def make(alice: User, workspace: Workspace) -> Any:
    def made(
        num_gpus: int = 0, num_cpus: int = 0, *, shared: bool = False, **changes: Any
    ) -> Job:
        needs = Needs(num_gpus=num_gpus, num_cpus=num_cpus, is_gpu_shared=shared)
        return waiting_job(alice, workspace.pk, needs=needs, **changes)

    return made


def claim(job: Job) -> Any:
    return services.claim_job(job_id=job.pk, worker=WORKER)


def held(job: Job) -> list[tuple[str, int, int]]:
    rows = DeviceLease.objects.filter(job=job).order_by("device_id", "slot")
    return list(rows.values_list("device__kind", "device__index", "slot"))


def test_two_jobs_get_two_gpus_and_the_third_waits(gpus: None, make: Any):
    jobs = [make(1), make(1), make(1)]

    claims = [claim(job) for job in jobs]

    assert [one and one.gpus for one in claims] == [(0,), (1,), None]
    jobs[2].refresh_from_db()
    assert (jobs[2].status, jobs[2].waits_for, jobs[2].attempt) == (
        JobStatus.QUEUED,
        "devices",
        0,
    )


def test_who_shares_gets_a_slot_and_who_does_not_waits(gpus: None, make: Any):
    shared = [make(2, shared=True), make(1, shared=True)]

    claims = [claim(job) for job in shared]

    assert [one and one.gpus for one in claims] == [(0, 1), (0,)]
    assert claim(make(1)) is None
    assert held(shared[1]) == [("gpu", 0, 1)]


def test_cpu_slots_are_counted_and_too_many_means_all(gpus: None, make: Any):
    assert claim(make(num_cpus=3)).num_cpus == 3
    assert claim(make(num_cpus=2)) is None
    assert claim(make(num_cpus=1)).num_cpus == 1

    Job.objects.all().delete()

    assert claim(make(num_cpus=64)).num_cpus == 4


def test_all_or_nothing(gpus: None, make: Any):
    claim(make(num_cpus=4))

    assert claim(make(1, num_cpus=1)) is None
    assert DeviceLease.objects.filter(device__kind=DeviceKind.GPU).count() == 0


@pytest.mark.parametrize("end", ["finish", "fail", "cancel", "lose"])
def test_every_end_frees_and_wakes_the_most_urgent(
    gpus: None, make: Any, end: str, django_capture_on_commit_callbacks: Any
):
    job = make(2)
    mine = claim(job)
    services.start_running(mine, num_total=1)
    waiting = [make(1, priority=Priority.LOW), make(1)]
    for one in waiting:
        claim(one)

    with django_capture_on_commit_callbacks() as sent:
        if end == "finish":
            services.finish_job(mine, result={})
        elif end == "fail":
            services.fail_job(mine, code="c", error="e")
        elif end == "cancel":
            services.end_stopped(mine)
        else:
            Job.objects.filter(pk=job.pk).update(lease_until="2000-01-01T00:00Z")
            services.requeue_lost_jobs()

    assert not DeviceLease.objects.filter(job=job).exists()
    tickets = [
        one.args[3]["job_id"]
        for one in sent
        if hasattr(one, "args") and len(one.args) == 4
    ]
    assert tickets[:2] == [str(waiting[1].pk), str(waiting[0].pk)]


def test_an_urgent_job_has_a_lesser_one_make_room(gpus: None, make: Any):
    lesser = make(2, priority=Priority.LOW)
    its_claim = claim(lesser)
    services.start_running(its_claim, num_total=1)
    urgent = make(1, priority=Priority.URGENT)

    assert claim(urgent) is None
    assert services.keep_job(its_claim) == "yield"
    services.end_stopped(its_claim)

    lesser.refresh_from_db()
    assert (lesser.status, lesser.failures) == (JobStatus.QUEUED, 0)
    assert claim(urgent).gpus == (0,)


def test_an_equal_is_left_alone(gpus: None, make: Any):
    first = claim(make(2))

    assert claim(make(1)) is None
    assert services.keep_job(first) is None


def test_a_silent_gpu_is_not_given_out(gpus: None, make: Any):
    Device.objects.filter(kind=DeviceKind.GPU).update(seen_at="2000-01-01T00:00Z")

    assert claim(make(1)) is None


def test_the_database_refuses_a_slot_twice(gpus: None, make: Any):
    device = Device.objects.first()
    DeviceLease.objects.create(device=device, slot=0, job=make(), attempt=1)

    with pytest.raises(IntegrityError, match="device_slot_leased_once"):
        DeviceLease.objects.create(device=device, slot=0, job=make(), attempt=1)


@pytest.mark.django_db(transaction=True)
def test_of_eight_claims_at_once_two_get_the_two_gpus(gpus: None, make: Any):
    jobs = [make(1) for _ in range(8)]
    start = threading.Barrier(8)

    def try_it(job: Job) -> Any:
        start.wait()
        try:
            return claim(job)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        claims = [one for one in pool.map(try_it, jobs) if one]

    assert sorted(one.gpus for one in claims) == [(0,), (1,)]
    assert DeviceLease.objects.count() == 4


def test_this_host_says_what_it_has():
    cpu, *gpus = find_devices()

    assert (cpu.kind, cpu.num_slots >= 1, cpu.memory_total > 0) == ("cpu", True, True)
    assert all(one.kind == "gpu" and one.memory_total for one in gpus)
