"""What others may do with jobs; each name lives in the module that it is listed under."""

from apps.jobs.services.asking import (
    cancel_as_staff,
    cancel_job,
    create_job,
    pause_job,
    resume_job,
    retry_as_staff,
    retry_job,
)
from apps.jobs.services.attempts import (
    claim_job,
    end_stopped,
    fail_job,
    finish_job,
    keep_job,
    note_checkpoint,
    renew_lease,
    report,
    start_finishing,
    start_running,
)
from apps.jobs.services.carrying import Holding, StopRequestedError, carry_out
from apps.jobs.services.hosts import (
    Beat,
    drain_worker,
    forget_dead,
    forget_worker,
    note_devices,
    note_leaving,
    note_worker,
)
from apps.jobs.services.machine import fenced
from apps.jobs.services.reaping import (
    clean_run_dirs,
    requeue_jobs_of,
    requeue_lost_jobs,
    run_dir,
)

__all__ = [
    "Beat",
    "Holding",
    "StopRequestedError",
    "cancel_as_staff",
    "cancel_job",
    "carry_out",
    "claim_job",
    "clean_run_dirs",
    "create_job",
    "drain_worker",
    "end_stopped",
    "fail_job",
    "fenced",
    "finish_job",
    "forget_dead",
    "forget_worker",
    "keep_job",
    "note_checkpoint",
    "note_devices",
    "note_leaving",
    "note_worker",
    "pause_job",
    "renew_lease",
    "report",
    "requeue_jobs_of",
    "requeue_lost_jobs",
    "resume_job",
    "retry_as_staff",
    "retry_job",
    "run_dir",
    "start_finishing",
    "start_running",
]
