"""The database itself keeps the rules, whoever writes to it."""

from itertools import product

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.jobs.models import Job, JobEvent
from apps.jobs.types import ACTIVE, NEXT_STATUSES, EventKind, JobStatus
from tests.factories.jobs import JobFactory


def made(status: JobStatus) -> Job:
    lease = timezone.now() if status in ACTIVE else None
    return JobFactory(status=status, lease_until=lease)


def try_to_write(status: JobStatus, job: Job) -> bool:
    lease = timezone.now() if status in ACTIVE else None
    try:
        with transaction.atomic():
            Job.objects.filter(pk=job.pk).update(status=status, lease_until=lease)
    except IntegrityError:
        return False
    return True


def test_the_trigger_allows_what_the_table_allows(db: None):
    jobs = {status: made(status) for status in JobStatus}

    allowed = set()
    for old, new in product(JobStatus, repeat=2):
        with transaction.atomic():
            if old != new and try_to_write(new, jobs[old]):
                allowed.add((old, new))
            transaction.set_rollback(True)

    assert allowed == {
        (old, new) for old, news in NEXT_STATUSES.items() for new in news
    }


def test_what_the_trigger_refuses_says_why(db: None):
    job = made(JobStatus.DONE)

    with pytest.raises(IntegrityError, match="a done job cannot become queued"):
        Job.objects.filter(pk=job.pk).update(status=JobStatus.QUEUED)


def test_an_unknown_status_is_refused(db: None):
    with pytest.raises(IntegrityError, match="violates check constraint"):
        JobFactory(status="sleeping")


@pytest.mark.parametrize(
    ("status", "lease"),
    [(JobStatus.RUNNING, None), (JobStatus.QUEUED, "2099-01-01T00:00Z")],
)
def test_active_means_leased(db: None, status: JobStatus, lease: str | None):
    with pytest.raises(IntegrityError, match="job_active_means_leased"):
        JobFactory(status=status, lease_until=lease)


def test_an_event_is_never_changed(db: None):
    event = JobEvent.objects.create(
        job=JobFactory(), seq=1, attempt=0, kind=EventKind.LOG, payload={"line": "a"}
    )

    with (
        pytest.raises(IntegrityError, match="job events are append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE jobs_jobevent SET payload = '{}'")

    event.refresh_from_db()
    assert event.payload == {"line": "a"}


def test_an_event_number_is_taken_once(db: None):
    job = JobFactory()
    JobEvent.objects.create(job=job, seq=1, attempt=0, kind=EventKind.LOG)

    with pytest.raises(IntegrityError, match="job_event_numbered"):
        JobEvent.objects.create(job=job, seq=1, attempt=1, kind=EventKind.LOG)


def test_a_job_goes_with_its_events(db: None):
    job = JobFactory()
    JobEvent.objects.create(job=job, seq=1, attempt=0, kind=EventKind.LOG)

    job.delete()

    assert not JobEvent.objects.exists()
