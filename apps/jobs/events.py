from dataclasses import dataclass
from typing import ClassVar

from apps.core.realtime import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPoked(Event):
    """There is something new to read; carries no content."""

    type: ClassVar[str] = "jobs.poked"

    job_id: str
    seq: int


def group(job_id: object) -> str:
    return f"job.{job_id}"
