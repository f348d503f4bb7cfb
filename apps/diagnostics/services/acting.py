"""What a report advises is done: labels and splits are put right, models are changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.diagnostics import selectors
from apps.diagnostics.errors import BadReportError
from apps.diagnostics.models import Report
from apps.diagnostics.services import correcting
from apps.diagnostics.services.promising import promise
from apps.diagnostics.services.starting import measure_again
from apps.jobs import services as jobs
from apps.jobs.selectors import has_gpu
from apps.jobs.types import Claim, Needs, NewJob
from apps.marketplace.selectors.serving import answers_boxes
from apps.marketplace.services.publishing import publish_model
from apps.marketplace.types import OWN_FORMAT, READS, Lineage, repository_name
from apps.training.selectors import list_presets
from apps.training.services.starting import LONGEST_NAME, start_run
from apps.training.types import NewRun, RunDevice
from deepseek_diagnostics.result import Action, Finding

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.jobs.models import Job
    from apps.marketplace.models import ModelRevision

# What a job writes into a copy of the model.
APPLIED = frozenset({"temperature", "score_threshold", "float_layers", "keep"})
# What a model of any format that answers with boxes takes: a line of its configuration.
ANYWHERE = frozenset({"score_threshold"})
# What a run takes as part of its augmentation.
AUGMENTATION = ("colour",)
NUM_CPUS = {"keep": 2, "float_layers": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """What an action began.

    Attributes:
        num_sent_back: Images that went back to their annotators.
        num_moved: Images that are in another split now.
        num_deleted: Images that are gone.
        job_id: Changes or trains a model, and is measured when it is done.
        report_id: Measures again what was put right at once.
    """

    num_sent_back: int = 0
    num_moved: int = 0
    num_deleted: int = 0
    job_id: str = ""
    report_id: int | None = None


@transaction.atomic
def act(*, user: "User", report_id: int, tool: str, code: str) -> Acted:
    """Do what a finding advises, and see to it that its effect is measured.

    Labels that may be wrong: the submitted images behind it go back, each with a pin at
    its place, and are first in their annotators' queues; when all are handed in again
    the report is measured again. Leaks and copies: a split is set, an image is deleted,
    and that is measured at once. A threshold, a temperature, layers to keep in float, a
    narrower network: a job writes them into a copy of the model, publishes that in the
    report's workspace, and measures again. Training: a run begins with the advised
    numbers, and its model is measured.

    Raises:
        NotFoundError: No such report for this user, no such finding in it, or its model
            is gone.
        RoleTooLowError: A model takes an annotator, sending back and splits a reviewer,
            deleting a manager.
        BadReportError: The finding advises none of these.
        DomainError: The training cannot be; says why.
    """
    report = selectors.access_report(
        user=user, report_id=report_id, needs=Role.ANNOTATOR
    )
    finding = _finding(report, tool, code)
    match finding.action:
        case Action.QUEUE:
            ids = correcting.send_back_all(user, report, finding)
            if ids:
                promise(user=user, report=report, image_ids=ids)
            return Acted(num_sent_back=len(ids))
        case Action.SPLIT:
            num = correcting.put_into_training(user, report, finding)
            return Acted(num_moved=num, report_id=_again(user, report))
        case Action.REMOVE:
            num = correcting.delete_copies(user, report, finding)
            return Acted(num_deleted=num, report_id=_again(user, report))
        case Action.TRAIN:
            return Acted(job_id=str(_train(user, report, finding)))
    changes = {k: v for k, v in finding.changes.items() if k in APPLIED}
    if not changes:
        raise BadReportError(_("this finding advises nothing that a button could do"))
    if not _may_change(_model_of(report), changes):
        raise BadReportError(
            _(
                "{changes} can be written into detectors of the format {own} alone: "
                "change this model where it was made, and publish it again"
            ).format(changes=_listed(changes), own=OWN_FORMAT)
        )
    return Acted(job_id=str(_apply(user, report, changes).pk))


def _again(user: "User", report: Report) -> int:
    return measure_again(user=user, report_id=report.pk).pk


def _finding(report: Report, tool: str, code: str) -> Finding:
    for result in selectors.results_of(report.pk):
        for one in result.findings:
            if (result.tool, one.code) == (tool, code):
                return one
    raise NotFoundError(_("the report has no such finding"))


def _model_of(report: Report) -> "ModelRevision":
    if report.revision is None:
        raise NotFoundError(_("the report's model is gone: choose another one"))
    return report.revision


def _train(user: "User", report: Report, finding: Finding) -> Any:
    """Train the model further, or another preset anew; answer the job's id."""
    revision, changes = _model_of(report), dict(finding.changes)
    preset = str(changes.pop("preset", ""))
    look = {key: changes.pop(key) for key in AUGMENTATION if key in changes}
    given = {**changes, "augmentation": look} if look else changes
    # Nothing of another preset's size, or of another format, fits: it begins anew.
    is_base = not preset and revision.format == OWN_FORMAT
    run = start_run(
        user=user,
        new=NewRun(
            name=revision.model.name[:LONGEST_NAME],
            dataset_version_id=report.version_id,
            base_revision_id=revision.pk if is_base else None,
            preset=preset or _preset_of(revision),
            changes=given,
            device=RunDevice.GPU if has_gpu() else RunDevice.CPU,
            notes=_("Advised by report {number}").format(number=report.pk),
        ),
    )
    promise(user=user, report=report, job_id=run.job_id)
    return run.job_id


def _preset_of(revision: "ModelRevision") -> str:
    """One that trains detectors of the model's size."""
    size = revision.config.get("size", "small")
    fitting = [name for name, recipe in list_presets() if recipe.size == size]
    return "balanced" if "balanced" in fitting or not fitting else fitting[0]


def _may_change(revision: "ModelRevision", changes: Mapping[str, Any]) -> bool:
    """Whether a job can write the changes into a model of this format."""
    is_ours = revision.format == OWN_FORMAT
    return is_ours or (changes.keys() <= ANYWHERE and answers_boxes(revision))


def _apply(
    user: "User", report: Report, changes: Mapping[str, float | int | str]
) -> "Job":
    revision = _model_of(report)
    return jobs.create_job(
        user=user,
        workspace_id=report.workspace_id,
        new=NewJob(
            kind="apply",
            title=f"{revision.model.full_name}: {_listed(changes)}"[:200],
            task="diagnostics.apply",
            params={
                "report_id": report.pk,
                "revision_id": revision.pk,
                READS: [revision.pk],
                "version_id": report.version_id,
                "changes": dict(changes),
                "project_id": report.version.project_id,
            },
            needs=Needs(num_cpus=max(NUM_CPUS.get(name, 1) for name in changes)),
        ),
    )


def _listed(changes: Mapping[str, float | int | str]) -> str:
    """What a revision's message says of it."""
    told = []
    for name, value in changes.items():
        if isinstance(value, str):
            told.append(f"{name} {len(value.split())}")
        else:
            told.append(f"{name} {value:g}")
    return ", ".join(told)


def _relation(changes: Mapping[str, Any]) -> str:
    names = {"float_layers": "quantize", "keep": "prune"}
    return next((word for key, word in names.items() if key in changes), "finetune")


def finish_apply(claim: Claim, *, folder: Path) -> None:
    """Publish the changed model and queue the report that says what it brought, once."""
    report = Report.objects.select_related(
        "revision__model", "version", "workspace"
    ).get(pk=claim.params["report_id"])
    revision = _model_of(report)
    changes = claim.params["changes"]
    user = get_user_model().objects.get(pk=claim.user_id)
    info = publish_model(
        user=user,
        workspace_id=report.workspace_id,
        name=repository_name(revision.model.name),
        folder=folder,
        message=_listed(changes),
        lineage=Lineage(
            job_id=str(claim.job_id),
            base_revision_id=revision.pk,
            relation=_relation(changes),
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
