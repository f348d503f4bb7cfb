"""How a room's newest job stands, in the words of a project's stages."""

from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _

from apps.jobs.models import Job
from apps.jobs.types import JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a stage says of its newest job, and whether it has come to its end."""

    says: str
    state: Literal["done", "now"]


def standing_of(job: Job, *, name: str, when_done: str) -> Standing:
    """Say of a job how far it is.

    Args:
        job: The newest one.
        name: What the reader calls its work.
        when_done: What is said once it is done.
    """
    status = JobStatus(job.status)
    percent = round(100 * job.num_done / job.num_total) if job.num_total else 0
    says = {
        JobStatus.DONE: when_done,
        JobStatus.FAILED: _("{name} failed").format(name=name),
        JobStatus.CANCELLED: _("{name} was cancelled").format(name=name),
    }
    running = _("{name}: {percent} %").format(name=name, percent=percent)
    return Standing(
        says=says.get(status, running),
        state="done" if status == JobStatus.DONE else "now",
    )
