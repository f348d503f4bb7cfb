"""What others may read of jobs; the modules hold it by subject."""

from apps.jobs.selectors.monitoring import (
    failures_by_cause,
    history,
    list_queues,
    measurements,
)
from apps.jobs.selectors.rows import (
    access_job,
    events_after,
    find_logs,
    has_gpu,
    has_worker,
    items_done,
    last_events,
    latest_job,
    list_devices,
    list_ended,
    list_jobs,
    list_running,
    list_unended,
    list_workers,
    may_act,
)
from apps.jobs.selectors.stages import standing_of

__all__ = [
    "access_job",
    "events_after",
    "failures_by_cause",
    "find_logs",
    "has_gpu",
    "has_worker",
    "history",
    "items_done",
    "last_events",
    "latest_job",
    "list_devices",
    "list_ended",
    "list_jobs",
    "list_queues",
    "list_running",
    "list_unended",
    "list_workers",
    "may_act",
    "measurements",
    "standing_of",
]
