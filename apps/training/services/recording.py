"""What a worker writes while a run is at work; each write is of one attempt, once."""

from collections.abc import Mapping
from statistics import median
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from apps.core.errors import NotFoundError
from apps.jobs import services as jobs
from apps.jobs.types import Claim, EventKind, NewEvent
from apps.training.models import RunSeries, TrainingRun
from apps.training.types import Plan
from deepseek_vision.events import SamplesPredicted

APPEND = """
INSERT INTO training_runseries (run_id, name, steps, values)
SELECT %(run)s, name, ARRAY[%(step)s]::int[], ARRAY[value]::float8[]
FROM unnest(%(names)s::text[], %(values)s::float8[]) AS told(name, value)
ON CONFLICT (run_id, name) DO UPDATE
SET steps = training_runseries.steps || excluded.steps,
    values = training_runseries.values || excluded.values
"""
CUT = """
UPDATE training_runseries SET steps = steps[1:num], values = values[1:num]
FROM (SELECT id AS cut_id, (SELECT count(*) FROM unnest(steps) AS step
                            WHERE step <= %(step)s)::int AS num
      FROM training_runseries WHERE run_id = %(run)s) AS cut
WHERE id = cut_id
"""


def plan_of(claim: Claim) -> Plan:
    """What the claim's run is to do.

    Raises:
        NotFoundError: The job has no run, or what it begins with was deleted.
    """
    run = TrainingRun.objects.filter(job_id=claim.job_id).first()
    if run is None:
        raise NotFoundError(_("the job has no training run"))
    if claim.params.get("base_revision_id") and run.base_revision_id is None:
        raise NotFoundError(
            _("the model that this run begins with was deleted: start a new run")
        )
    return Plan(
        run_id=run.pk,
        name=run.name,
        dataset_version_id=run.dataset_version_id,
        base_revision_id=run.base_revision_id,
        preset=run.preset,
        changes=run.changes,
    )


def begin(claim: Claim, plan: Plan, *, num_steps: int, first_step: int) -> None:
    """Say that steps are being made, after those up to a checkpoint.

    Curves are cut where the checkpoint is: what came after it will come again.
    """
    with jobs.fenced(claim), connection.cursor() as cursor:
        cursor.execute(CUT, {"run": plan.run_id, "step": first_step})
        jobs.start_running(claim, num_total=num_steps, num_done=first_step)


def last_steps(plan: Plan) -> dict[str, int]:
    """The last step that each curve of a run has."""
    rows = RunSeries.objects.filter(run_id=plan.run_id)
    return {row.name: row.steps[-1] for row in rows if row.steps}


def record(
    claim: Claim,
    plan: Plan,
    *,
    step: int,
    values: Mapping[str, float],
    num_newly_done: int,
    write_id: UUID,
) -> None:
    """Append a point to each named curve and tell watchers."""
    payload = {"step": step, "values": dict(values)}
    event = NewEvent(kind=EventKind.METRIC, payload=payload)
    with jobs.fenced(claim):
        is_new = jobs.report(
            claim, [event], num_newly_done=num_newly_done, write_id=write_id
        )
        if is_new:
            _append(plan.run_id, step, values)


def _append(run_id: int, step: int, values: Mapping[str, float]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            APPEND,
            {
                "run": run_id,
                "step": step,
                "names": list(values),
                "values": list(values.values()),
            },
        )


def record_best(
    claim: Claim, plan: Plan, *, step: int, metrics: Mapping[str, float]
) -> None:
    with jobs.fenced(claim):
        TrainingRun.objects.filter(pk=plan.run_id).update(
            best=dict(metrics), best_step=step
        )


def record_samples(
    claim: Claim, plan: Plan, told: SamplesPredicted, *, write_id: UUID
) -> None:
    """Keep the newest predictions on the sample pictures, named by their bytes."""
    samples = {
        "step": told.step,
        "images": [
            {
                "name": one.file_name,
                "width": one.width,
                "height": one.height,
                "found": [[it.label, it.score, *it.bbox] for it in one.found],
                "truth": [[it.label, it.score, *it.bbox] for it in one.truth],
            }
            for one in told.samples
        ],
    }
    event = NewEvent(kind=EventKind.SAMPLES, payload={"step": told.step})
    with jobs.fenced(claim):
        if jobs.report(claim, [event], write_id=write_id):
            TrainingRun.objects.filter(pk=plan.run_id).update(samples=samples)


def note_speed(claim: Claim, plan: Plan) -> None:
    """Keep the middle of the measured speeds, for later estimates."""
    row = RunSeries.objects.filter(run_id=plan.run_id, name="images_per_s").first()
    if row is None or not row.values:
        return
    with jobs.fenced(claim):
        TrainingRun.objects.filter(pk=plan.run_id).update(
            images_per_s=median(row.values)
        )


def keep_verdict(claim: Claim, plan: Plan, verdict: dict[str, Any]) -> None:
    with jobs.fenced(claim):
        TrainingRun.objects.filter(pk=plan.run_id).update(verdict=verdict)
