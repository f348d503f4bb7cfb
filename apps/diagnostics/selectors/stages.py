from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.core.stages import Stage, tells_stage
from apps.diagnostics.models import Report
from apps.jobs.selectors import standing_of

if TYPE_CHECKING:
    from apps.accounts.models import User


@tells_stage(2)
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
    standing = standing_of(
        report.job,
        name=_("report {number}").format(number=report.pk),
        when_done=_("report {number} is done").format(number=report.pk),
    )
    return Stage(
        icon="diagnose",
        title=_("Diagnose"),
        says=standing.says,
        action=_("Open the report"),
        url=reverse("diagnostics:report", args=[report.pk]),
        state=standing.state,
    )
