"""A job whose task does nothing, so that a test is the worker itself."""

from typing import Any

from celery import shared_task

from apps.accounts.models import User
from apps.jobs import services
from apps.jobs.models import Job
from apps.jobs.types import NewJob


@shared_task(name="tests.wait")
def wait(job_id: str) -> None:
    """Leave the job as it is."""


def waiting_job(user: User, workspace_id: int, **changes: Any) -> Job:
    given: dict[str, Any] = {
        "kind": "prelabel",
        "title": "t",
        "task": "tests.wait",
        **changes,
    }
    new = NewJob(**given, params={})
    return services.create_job(user=user, workspace_id=workspace_id, new=new)
