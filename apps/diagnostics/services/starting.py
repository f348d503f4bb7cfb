"""Reports are asked for, and measured again after something was done."""

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.selectors import check_role, role_in
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.diagnostics import selectors
from apps.diagnostics.errors import (
    BadReportError,
    NotDoneError,
    NothingToMeasureError,
)
from apps.diagnostics.models import Report
from apps.diagnostics.selectors.estimates import num_images_of
from apps.diagnostics.types import NewReport
from apps.jobs import services as jobs
from apps.jobs.types import JobStatus, Needs, NewJob
from apps.labeling.selectors import access_dataset_version
from apps.labeling.services.versions import make_version
from apps.labeling.types import DatasetVersionInfo, Split
from apps.marketplace.selectors.serving import access_finder
from apps.marketplace.types import OWN_FORMAT, READS, ModelRevisionInfo
from apps.training.selectors import access_run
from deepseek_diagnostics.catalog import BY_ID, Need, lacking
from deepseek_diagnostics.spec import same_name

if TYPE_CHECKING:
    from apps.accounts.models import User

KIND = "diagnose"
NUM_CPUS = 2


@transaction.atomic
def start_report(*, user: "User", new: NewReport) -> Report:
    """Queue a report on a model and a dataset version.

    Raises:
        NotFoundError: No such model, dataset version or run for this user.
        RoleTooLowError: It takes an annotator of the version's workspace.
        NoPictureModelError: A model that finds no objects, or that nothing here runs.
        BadReportError: No such tool or split, or one that this model keeps closed.
        NothingToMeasureError: No image in these splits, or nothing labeled.
    """
    version = access_dataset_version(user=user, version_id=new.version_id)
    role = role_in(user=user, workspace_id=version.workspace_id)
    if role is None:
        raise NotFoundError(_("dataset version not found"))
    check_role(role, Role.ANNOTATOR)
    model = access_finder(user=user, revision_id=new.revision_id)
    if new.other_revision_id is not None:
        access_finder(user=user, revision_id=new.other_revision_id)
    if new.reference_version_id is not None:
        access_dataset_version(user=user, version_id=new.reference_version_id)
    if new.run_id is not None:
        access_run(user=user, run_id=new.run_id)
    if new.earlier_id is not None:
        selectors.access_report(user=user, report_id=new.earlier_id)
    tools = _tools(model, new)
    num_images = _num_images(version, new)
    _check_classes(model, version, new)
    name = f"{model.full_name}@{model.revision[:12]}"
    job = jobs.create_job(
        user=user,
        workspace_id=version.workspace_id,
        new=NewJob(
            kind=KIND,
            title=f"Diagnose {model.full_name} on {version.project} v{version.number}"[
                :200
            ],
            task="diagnostics.diagnose",
            params={
                "project_id": version.project_id,
                "tools": list(tools),
                READS: [model.id, *filter(None, [new.other_revision_id])],
            },
            needs=Needs(num_cpus=NUM_CPUS),
        ),
    )
    guess = selectors.estimate(tools=tools, num_images=num_images)
    return Report.objects.create(
        workspace_id=version.workspace_id,
        created_by=user,
        job=job,
        model_name=name,
        revision_id=model.id,
        other_revision_id=new.other_revision_id,
        version_id=version.id,
        reference_version_id=new.reference_version_id,
        run_id=new.run_id,
        earlier_id=new.earlier_id,
        tools=list(tools),
        splits=list(new.splits),
        mapping=new.mapping,
        options=new.options,
        seed=new.seed,
        num_images=num_images,
        estimate_s=guess.seconds,
    )


def _tools(model: ModelRevisionInfo, new: NewReport) -> tuple[str, ...]:
    met = selectors.needs_met(
        model,
        has_other=new.other_revision_id is not None,
        has_reference=new.reference_version_id is not None,
        has_run=new.run_id is not None,
    )
    possible = selectors.applicable_tools(met)
    if not new.tools:
        return possible
    unknown = [one for one in new.tools if one not in BY_ID]
    if unknown:
        raise BadReportError(
            _("no tool is called {names}; there are: {known}").format(
                names=", ".join(unknown), known=", ".join(BY_ID)
            )
        )
    without = [one for one in new.tools if one not in possible]
    if without:
        needed = {need for one in without for need in lacking(BY_ID[one], met)}
        raise BadReportError(
            _("For {names} choose {needs} as well, or leave them out").format(
                names=", ".join(without),
                needs=", ".join(sorted(need_word(one) for one in needed)),
            )
        )
    return tuple(tool for tool in BY_ID if tool in new.tools)


def need_word(need: Need) -> str:
    """What a tool lacks, as the end of "choose …"."""
    words = {
        Need.OTHER_MODEL: _("a second model"),
        Need.REFERENCE: _("data to compare with"),
        Need.CURVES: _("a training run"),
        Need.DETECTOR: _("a detector of the format {own}, whose layers can be opened"),
        Need.FLOAT_FILE: _("a model with a 32-bit graph or weights"),
        Need.PACKED_FILE: _("a model with an 8-bit file"),
    }
    return words[need].format(own=OWN_FORMAT)


def _num_images(version: DatasetVersionInfo, new: NewReport) -> int:
    unknown = [one for one in new.splits if one not in list(Split)]
    if unknown:
        raise BadReportError(
            _("no split is called {names}; there are: {known}").format(
                names=", ".join(unknown), known=", ".join(Split)
            )
        )
    num = num_images_of(version, new.splits)
    if not num or not version.num_annotations:
        raise NothingToMeasureError(
            _(
                "version {number} has no labeled image in {splits}: label and submit "
                "some, then make another version, or choose other splits"
            ).format(number=version.number, splits=", ".join(new.splits) or _("it"))
        )
    return num


def _check_classes(
    model: ModelRevisionInfo, version: DatasetVersionInfo, new: NewReport
) -> None:
    """Refuse early what the engine would refuse late."""
    if not model.classes:
        return
    known = {same_name(name) for name in version.classes}
    given = {same_name(a): same_name(b) for a, b in new.mapping.items()}
    named = [given.get(same_name(name), same_name(name)) for name in model.classes]
    if not known & set(named):
        raise BadReportError(
            _(
                "no class of the model is a label of the data. The model knows "
                "{model}; the data has {data}. Match the classes (on the form, or with "
                "mapping)"
            ).format(
                model=", ".join(model.classes[:20]),
                data=", ".join(version.classes[:20]),
            ),
            needs="mapping",
        )


@transaction.atomic
def measure_again(
    *, user: "User", report_id: int, revision_id: int | None = None
) -> Report:
    """Queue the same tools after something was done, to see what it brought.

    The labels are taken as they are now: where they changed, in a new dataset version.

    Args:
        user: Who asks.
        report_id: The report after whose action this is.
        revision_id: The model that came out of the action; None is the same one.

    Raises:
        NotFoundError: No such report for this user, or its model is gone.
        RoleTooLowError: It takes an annotator.
        NotDoneError: The report is not whole yet.
    """
    old = selectors.access_report(user=user, report_id=report_id, needs=Role.ANNOTATOR)
    if old.job.status != JobStatus.DONE:
        raise NotDoneError(_("wait until the report is done, then measure again"))
    revision = revision_id or old.revision_id
    if revision is None:
        raise NotFoundError(_("the report's model is gone: choose another one"))
    version = make_version(
        user=user,
        project_id=old.version.project_id,
        only_submitted=old.version.only_submitted,
    )
    return start_report(
        user=user,
        new=replace(
            as_new(old), revision_id=revision, version_id=version.id, earlier_id=old.pk
        ),
    )


def as_new(report: Report) -> NewReport:
    return NewReport(
        revision_id=report.revision_id or 0,
        version_id=report.version_id,
        tools=tuple(report.tools),
        splits=tuple(report.splits),
        other_revision_id=report.other_revision_id,
        reference_version_id=report.reference_version_id,
        run_id=report.run_id,
        mapping=report.mapping,
        options=report.options,
        seed=report.seed,
    )
