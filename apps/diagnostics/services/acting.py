"""What a report advises is done: images go back to their annotators, a model is changed."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.diagnostics import selectors
from apps.diagnostics.errors import BadReportError
from apps.diagnostics.models import Report
from apps.diagnostics.services.starting import measure_again
from apps.jobs import services as jobs
from apps.jobs.types import Claim, Needs, NewJob
from apps.labeling.errors import NotSubmittedError
from apps.labeling.selectors import pictures_in_versions
from apps.labeling.services.reviewing import remark, send_back
from apps.marketplace.services.publishing import publish_model
from apps.marketplace.types import Lineage, repository_name
from deepseek_diagnostics.result import Action, Evidence, Finding
from deepseek_diagnostics.words import say

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.jobs.models import Job

APPLIED = frozenset({"temperature", "score_threshold"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """How many images went back, or the job that changes a model."""

    num_sent_back: int = 0
    job_id: str = ""


@transaction.atomic
def act(*, user: "User", report_id: int, tool: str, code: str) -> Acted:
    """Do what a finding advises.

    Labels that may be wrong: the submitted images behind it go back, each with a pin at
    its place, and are first in their annotators' queues. A threshold or a temperature:
    a job writes it into a copy of the model, publishes that in the report's workspace,
    and measures again.

    Raises:
        NotFoundError: No such report for this user, no such finding in it, or its model
            is gone.
        RoleTooLowError: A model takes an annotator, sending back a reviewer.
        BadReportError: The finding advises neither.
    """
    report = selectors.access_report(
        user=user, report_id=report_id, needs=Role.ANNOTATOR
    )
    finding = _finding(report, tool, code)
    if finding.action == Action.QUEUE:
        return Acted(num_sent_back=_send_back(user, report, finding))
    changes = {k: float(v) for k, v in finding.changes.items() if k in APPLIED}
    if not changes:
        raise BadReportError(_("this finding advises nothing that a button could do"))
    return Acted(job_id=str(_apply(user, report, changes).pk))


def _send_back(user: "User", report: Report, finding: Finding) -> int:
    """Answer how many images went back; one that is worked on already is left alone."""
    pictures = pictures_in_versions(
        version_ids=[report.version_id], ids={one.image for one in finding.evidence}
    )
    sent: set[int] = set()
    for one in finding.evidence:
        picture = pictures.get(one.image)
        image_id = picture.image_id if picture else None
        if image_id is None:
            continue
        text = _told(finding, one)
        if image_id in sent:
            remark(user=user, image_id=image_id, text=text, pin=_pin(one))
            continue
        with suppress(NotSubmittedError):
            send_back(user=user, image_id=image_id, text=text, pin=_pin(one))
            sent.add(image_id)
    return len(sent)


def _told(finding: Finding, one: Evidence) -> str:
    """What the annotator reads beside the pin."""
    what = say(one.text, one.figures, _)
    asked = {
        "labels.missing": _("An object is probably not labeled here: {what}"),
        "labels.class": _("This is probably of another class: {what}"),
        "labels.place": _("This box is probably badly drawn: {what}"),
    }
    whole = say(finding.text, finding.figures, _)
    return asked.get(finding.code, whole).format(what=what)[:1000]


def _pin(one: Evidence) -> tuple[float, float] | None:
    if not one.marks:
        return None
    x1, y1, x2, y2 = one.marks[0].bbox
    return (x1 + x2) / 2, (y1 + y2) / 2


def _finding(report: Report, tool: str, code: str) -> Finding:
    for result in selectors.results_of(report.pk):
        for one in result.findings:
            if (result.tool, one.code) == (tool, code):
                return one
    raise NotFoundError(_("the report has no such finding"))


def _apply(user: "User", report: Report, changes: dict[str, float]) -> "Job":
    if report.revision is None:
        raise NotFoundError(_("the report's model is gone: choose another one"))
    return jobs.create_job(
        user=user,
        workspace_id=report.workspace_id,
        new=NewJob(
            kind="apply",
            title=f"{report.revision.model.full_name}: {_listed(changes)}"[:200],
            task="diagnostics.apply",
            params={
                "report_id": report.pk,
                "revision_id": report.revision_id,
                "changes": changes,
                "project_id": report.version.project_id,
            },
            needs=Needs(num_cpus=1),
        ),
    )


def _listed(changes: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in changes.items())


def finish_apply(claim: Claim, *, folder: Path) -> None:
    """Publish the changed model and queue the report that says what it brought, once."""
    report = Report.objects.select_related(
        "revision__model", "version", "workspace"
    ).get(pk=claim.params["report_id"])
    if report.revision is None:
        raise NotFoundError(_("the report's model is gone: choose another one"))
    changes = claim.params["changes"]
    user = get_user_model().objects.get(pk=claim.user_id)
    info = publish_model(
        user=user,
        workspace_id=report.workspace_id,
        name=repository_name(report.revision.model.name),
        folder=folder,
        message=_listed(changes),
        lineage=Lineage(
            job_id=str(claim.job_id),
            base_revision_id=report.revision_id,
            relation="finetune",
            config=changes,
        ),
    )
    with jobs.fenced(claim):
        made = measure_again(user=user, report_id=report.pk, revision_id=info.id)
        result = {
            "model": info.full_name,
            "revision": info.revision,
            "report_id": made.pk,
        }
        jobs.finish_job(claim, result=result)
