"""What other rooms may know of jobs."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID


class JobStatus(StrEnum):
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    FINISHING = "finishing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE = frozenset({JobStatus.STARTING, JobStatus.RUNNING, JobStatus.FINISHING})
ENDED = frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED})

# The same table stands in the database as a trigger (migration 0002).
NEXT_STATUSES: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset(
        {JobStatus.STARTING, JobStatus.CANCELLED, JobStatus.FAILED}
    ),
    JobStatus.STARTING: frozenset(
        {JobStatus.RUNNING, JobStatus.QUEUED, JobStatus.FAILED, JobStatus.CANCELLED}
    ),
    JobStatus.RUNNING: frozenset(
        {JobStatus.FINISHING, JobStatus.QUEUED, JobStatus.FAILED, JobStatus.CANCELLED}
    ),
    JobStatus.FINISHING: frozenset(
        {JobStatus.DONE, JobStatus.QUEUED, JobStatus.FAILED, JobStatus.CANCELLED}
    ),
    JobStatus.DONE: frozenset(),
    JobStatus.FAILED: frozenset({JobStatus.QUEUED}),
    JobStatus.CANCELLED: frozenset({JobStatus.QUEUED}),
}


class EventKind(StrEnum):
    STATE = "state"
    PROGRESS = "progress"
    ITEM = "item"
    LOG = "log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A worker's right to write on a job, until its lease ends.

    Attributes:
        attempt: The fencing token: writes of an older attempt are refused.
        params: What the job was made with.
    """

    job_id: UUID
    attempt: int
    workspace_id: int
    user_id: int
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What an app asks to have done.

    Attributes:
        kind: Names the sort of work in lists and filters.
        task: The registered Celery task that carries it out, given ``job_id``.
        params: Plain JSON, kept with the job.
        queue: cpu, gpu or io.
    """

    kind: str
    title: str
    task: str
    params: dict[str, Any]
    queue: str = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    kind: EventKind
    payload: dict[str, Any]
