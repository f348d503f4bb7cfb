"""What other rooms may know of jobs."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID


class JobStatus(StrEnum):
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    FINISHING = "finishing"
    PREEMPTED = "preempted"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE = frozenset({JobStatus.STARTING, JobStatus.RUNNING, JobStatus.FINISHING})
ENDED = frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED})

# An attempt may be given back, set aside, or end at any moment of its life.
_ANY_MOMENT = frozenset(
    {JobStatus.QUEUED, JobStatus.PREEMPTED, JobStatus.FAILED, JobStatus.CANCELLED}
)
# The same table stands in the database as a trigger (migration 0004).
NEXT_STATUSES: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset(
        {
            JobStatus.STARTING,
            JobStatus.PREEMPTED,
            JobStatus.CANCELLED,
            JobStatus.FAILED,
        }
    ),
    JobStatus.STARTING: _ANY_MOMENT | {JobStatus.RUNNING},
    JobStatus.RUNNING: _ANY_MOMENT | {JobStatus.FINISHING},
    JobStatus.FINISHING: _ANY_MOMENT | {JobStatus.DONE},
    JobStatus.PREEMPTED: frozenset({JobStatus.QUEUED, JobStatus.CANCELLED}),
    JobStatus.DONE: frozenset(),
    JobStatus.FAILED: frozenset({JobStatus.QUEUED}),
    JobStatus.CANCELLED: frozenset({JobStatus.QUEUED}),
}


class Priority(IntEnum):
    LOW = 1
    NORMAL = 5
    URGENT = 9


class StopReason(StrEnum):
    """Why a worker is asked to end what it does.

    A job that must YIELD goes back into its queue, as one whose worker goes away.
    """

    CANCEL = "cancel"
    PAUSE = "pause"
    YIELD = "yield"
    WORKER_LEAVES = "worker_leaves"
    TIME_LIMIT = "time_limit"


class EventKind(StrEnum):
    STATE = "state"
    PROGRESS = "progress"
    ITEM = "item"
    LOG = "log"
    METRIC = "metric"
    SAMPLES = "samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A worker's right to write on a job, until its lease ends.

    Attributes:
        attempt: The fencing token: writes of an older attempt are refused.
        params: What the job was made with.
        gpus: Indexes of the GPUs of this host that are leased to it.
        num_cpus: How many CPU slots are leased to it; 0 where it asked for none.
    """

    job_id: UUID
    attempt: int
    workspace_id: int
    user_id: int
    params: dict[str, Any] = field(default_factory=dict)
    gpus: tuple[int, ...] = ()
    num_cpus: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a job takes from a host while it runs.

    Attributes:
        num_gpus: GPUs of its own, or a slot of each where it shares.
        num_cpus: CPU slots; 0 for work so light that nobody counts it.
        is_gpu_shared: Others that say so too may use the same GPUs meanwhile.
    """

    num_gpus: int = 0
    num_cpus: int = 0
    is_gpu_shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What an app asks to have done.

    Attributes:
        kind: Names the sort of work in lists and filters.
        task: The registered Celery task that carries it out, given ``job_id``.
        params: Plain JSON, kept with the job.
        queue: cpu, gpu or io.
        time_limit_s: After so long at work in one attempt it fails; None is no limit.
    """

    kind: str
    title: str
    task: str
    params: dict[str, Any]
    queue: str = "cpu"
    priority: Priority = Priority.NORMAL
    needs: Needs = field(default_factory=Needs)
    time_limit_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    kind: EventKind
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """A queue now; workers are those that live and are not being drained."""

    name: str
    num_waiting: int
    num_active: int
    oldest_wait_s: float
    num_workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureCause:
    code: str
    num: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HourOfJobs:
    hour: datetime
    num_done: int
    num_failed: int
    mean_wait_s: float
