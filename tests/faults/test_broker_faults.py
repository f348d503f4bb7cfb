"""The broker hands out the urgent first, and one that is full loses nothing."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import current_app

from apps.accounts.models import User, Workspace
from apps.core.queue import enqueue
from apps.jobs.models import Job
from apps.jobs.types import JobStatus, Priority
from tests.waiting import waiting_job

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
QUEUE = "tests"


@pytest.fixture
def valkey() -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    yield client
    client.config_set("maxmemory", 0)
    for key in client.scan_iter(f"{QUEUE}*"):
        client.delete(key)
    client.close()


@pytest.fixture(autouse=True)
def _real_broker() -> Iterator[None]:
    current_app.conf.task_always_eager = False
    yield
    current_app.conf.task_always_eager = True


def test_the_urgent_come_first(valkey: redis.Redis):
    for priority in (Priority.LOW, Priority.NORMAL, Priority.URGENT):
        enqueue("tests.wait", queue=QUEUE, priority=priority, job_id=priority.name)

    with current_app.connection_for_read() as broker:
        queue = broker.SimpleQueue(QUEUE)
        told: list[Any] = [queue.get(timeout=30) for _ in range(3)]
        for one in told:
            one.ack()
        queue.close()

    assert [one.decode()[1]["job_id"] for one in told] == ["URGENT", "NORMAL", "LOW"]


def test_a_full_valkey_keeps_nobody_from_queueing(
    valkey: redis.Redis, alice: User, workspace: Workspace
):
    valkey.config_set("maxmemory-policy", "noeviction")
    valkey.config_set("maxmemory", 1)

    job = waiting_job(alice, workspace.pk, queue=QUEUE)

    assert Job.objects.get(pk=job.pk).status == JobStatus.QUEUED
