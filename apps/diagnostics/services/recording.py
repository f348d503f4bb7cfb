"""What a worker reads and writes; a report's results are written at once."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.core.errors import NotFoundError
from apps.diagnostics.models import Report, ToolResult
from apps.diagnostics.types import Plan
from apps.jobs import services as jobs
from apps.jobs.types import Claim
from apps.training.selectors import series_of
from deepseek_diagnostics.catalog import BY_ID


def plan_of(claim: Claim) -> Plan:
    """What the claim's report is to measure.

    Raises:
        NotFoundError: The job has no report, or its model is gone.
    """
    report = Report.objects.filter(job_id=claim.job_id).first()
    if report is None or report.revision_id is None:
        raise NotFoundError(_("the job has no report, or its model is gone"))
    return Plan(
        report_id=report.pk,
        revision_id=report.revision_id,
        version_id=report.version_id,
        tools=tuple(tool for tool in report.tools if tool in BY_ID),
        splits=tuple(report.splits),
        other_revision_id=report.other_revision_id,
        reference_version_id=report.reference_version_id,
        curves=_curves(report),
        mapping=report.mapping,
        options=report.options,
        seed=report.seed,
    )


def _curves(report: Report) -> dict[str, Any] | None:
    if report.run_id is None:
        return None
    rows = series_of(run_id=report.run_id)
    return {row.name: {"steps": row.steps, "values": row.values} for row in rows}


def note_refusal(claim: Claim, refusal: Mapping[str, Any]) -> None:
    """Keep why nothing was measured, for readers of any language."""
    with jobs.fenced(claim):
        Report.objects.filter(job_id=claim.job_id).update(refusal=refusal)


def finish(
    claim: Claim,
    plan: Plan,
    results: Mapping[str, dict[str, Any]],
    marks: Mapping[str, Any],
) -> None:
    """Write all results and end the job, or neither."""
    with jobs.fenced(claim):
        Report.objects.filter(pk=plan.report_id).update(marks=marks)
        ToolResult.objects.filter(report_id=plan.report_id).delete()
        ToolResult.objects.bulk_create(
            ToolResult(
                report_id=plan.report_id,
                tool=tool,
                tool_version=content["version"],
                content=content,
                seconds=content["seconds"],
                peak_mb=content["peak_mb"],
                is_cached=content["is_cached"],
            )
            for tool, content in results.items()
        )
        skipped = [tool for tool, one in results.items() if one["skipped"]]
        jobs.finish_job(claim, result={"report_id": plan.report_id, "skipped": skipped})
