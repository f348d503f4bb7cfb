from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.core.stages import Stage
from apps.diagnostics.models import Report
from apps.jobs.types import JobStatus

if TYPE_CHECKING:
    from apps.accounts.models import User


def diagnosis_stage(_user: "User", project_id: int) -> Stage:
    """The newest report on a project's data."""
    report = (
        Report.objects.filter(version__project_id=project_id)
        .select_related("job")
        .order_by("-pk")
        .first()
    )
    if report is None:
        return Stage(
            icon="diagnose",
            title=_("Diagnose"),
            says=_("no report yet"),
            action=_("See where a model errs"),
            url=reverse("diagnostics:new"),
        )
    status = JobStatus(report.job.status)
    done, total = report.job.num_done, report.job.num_total
    says = {
        JobStatus.DONE: _("report {number} is done").format(number=report.pk),
        JobStatus.FAILED: _("report {number} failed").format(number=report.pk),
        JobStatus.CANCELLED: _("report {number} was cancelled").format(
            number=report.pk
        ),
    }
    running = _("report {number}: {percent} %").format(
        number=report.pk, percent=round(100 * done / total) if total else 0
    )
    return Stage(
        icon="diagnose",
        title=_("Diagnose"),
        says=says.get(status, running),
        action=_("Open the report"),
        url=reverse("diagnostics:report", args=[report.pk]),
        state="done" if status == JobStatus.DONE else "now",
    )
