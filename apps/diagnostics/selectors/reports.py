from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.selectors import check_role, role_in
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.diagnostics.models import Report
from apps.diagnostics.models import ToolResult as ToolRow
from apps.diagnostics.types import Change
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.result import Mark, ToolResult, verdict

if TYPE_CHECKING:
    from apps.accounts.models import User


def list_reports(*, user: "User", workspace_id: int | None = None) -> QuerySet[Report]:
    """The reports of the user's workspaces, newest first."""
    reports = Report.objects.filter(workspace__memberships__user=user)
    if workspace_id is not None:
        reports = reports.filter(workspace_id=workspace_id)
    return _whole(reports).order_by("-created_at", "-pk")


def access_report(*, user: "User", report_id: int, needs: Role = Role.VIEWER) -> Report:
    """Return a report that the user may act on.

    Raises:
        NotFoundError: No such report, or of strangers.
        RoleTooLowError: A member whose role does not reach.
    """
    report = _whole(Report.objects.all()).filter(pk=report_id).first()
    role = role_in(user=user, workspace_id=report.workspace_id) if report else None
    if report is None or role is None:
        raise NotFoundError(_("report not found"))
    check_role(role, needs)
    return report


def _whole(reports: QuerySet[Report]) -> QuerySet[Report]:
    return reports.select_related(
        "job",
        "created_by",
        "version__project",
        "reference_version__project",
        "revision__model__namespace",
        "other_revision__model__namespace",
        "earlier__version__project",
    ).defer("marks")


def results_of(report_id: int) -> list[ToolResult]:
    """A report's results in the order of the catalog; none until it is whole."""
    kept = ToolRow.objects.filter(report_id=report_id, tool__in=list(BY_ID))
    rows = dict(kept.values_list("tool", "content"))
    return [ToolResult.from_wire(rows[tool]) for tool in BY_ID if tool in rows]


def marks_of(report_id: int, ids: Iterable[int]) -> dict[int, list[Mark]]:
    """What was labeled and found on some pictures behind a report's charts."""
    rows = Report.objects.values_list("marks", flat=True).get(pk=report_id)
    return {
        pk: [Mark.from_row(row) for row in rows[str(pk)]]
        for pk in ids
        if str(pk) in rows
    }


def changes_since(report: Report, results: list[ToolResult]) -> list[Change]:
    """What became of each figure since the earlier report; empty without one."""
    if report.earlier_id is None:
        return []
    before = {one.tool: one for one in results_of(report.earlier_id)}
    found = []
    for now in results:
        then = before.get(now.tool)
        if then is None or then.headline is None or now.headline is None:
            continue
        if then.version != now.version:
            continue
        word, change = verdict(then.headline, now.headline)
        found.append(
            Change(
                tool=now.tool,
                name=now.headline.name,
                before=then.headline.value,
                after=now.headline.value,
                change=change,
                verdict=word,
            )
        )
    return found
