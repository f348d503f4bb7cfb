"""Evaluations are asked for, measured by a job, and signed."""

import json
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from apps.accounts.selectors import access_workspace
from apps.accounts.types import Role
from apps.diagnostics.evaluations.errors import NotEvaluableError
from apps.diagnostics.evaluations.models import Evaluation
from apps.diagnostics.evaluations.types import Measured
from apps.jobs import services as jobs
from apps.jobs.types import ENDED, Claim, Needs, NewJob
from apps.labeling.selectors import access_dataset_version
from apps.labeling.types import DatasetVersionInfo, Split
from apps.marketplace.selectors import holds_file
from apps.marketplace.selectors.serving import access_picture_model
from apps.marketplace.services.speeds import note_speed
from apps.marketplace.types import READS, ModelRevisionInfo
from deepseek_diagnostics.spec import same_name

if TYPE_CHECKING:
    from apps.accounts.models import User

KIND = "evaluate"
_SALT = "dsportal.evaluation"


@transaction.atomic
def start_evaluation(
    *, user: "User", revision_id: int, version_id: int, split: str
) -> Evaluation:
    """Queue a measurement; one that waits or runs already is returned instead.

    Raises:
        NotFoundError: No such model revision or dataset version for this user.
        RoleTooLowError: It takes an annotator of the version's workspace.
        NoPictureModelError: The model does not answer about pictures.
        NotEvaluableError: The split is empty, or no class is known to both.
    """
    version = access_dataset_version(user=user, version_id=version_id)
    access_workspace(user=user, workspace_id=version.workspace_id, needs=Role.ANNOTATOR)
    model = access_picture_model(user=user, revision_id=revision_id)
    _check(model, version, split)
    same = Evaluation.objects.filter(
        revision_id=model.id, version_id=version.id, split=split
    )
    going = same.exclude(job__status__in=ENDED).first()
    if going is not None:
        return going
    title = f"Evaluate {model.full_name} on {version.project} v{version.number}"
    job = jobs.create_job(
        user=user,
        workspace_id=version.workspace_id,
        new=NewJob(
            kind=KIND,
            title=title[:200],
            task="evaluations.evaluate",
            params={
                "project_id": version.project_id,
                "revision_id": model.id,
                READS: [model.id],
            },
            needs=Needs(num_cpus=1),
        ),
    )
    return Evaluation.objects.create(
        workspace_id=version.workspace_id,
        created_by=user,
        job=job,
        revision_id=model.id,
        version_id=version.id,
        split=split,
    )


def _check(model: ModelRevisionInfo, version: DatasetVersionInfo, split: str) -> None:
    if split not in list(Split) or not version.splits.get(split):
        has = ", ".join(name for name, num in version.splits.items() if num)
        raise NotEvaluableError(
            _("version {number} has no image in {split}; there are images in: {has}")
            .format(number=version.number, split=split, has=has or "-")
        )  # fmt: skip
    known = {same_name(name) for name in version.classes}
    if model.classes and not known & {same_name(name) for name in model.classes}:
        raise NotEvaluableError(
            _(
                "no class of the model is a label of the data: the model knows {model}; "
                "the data has {data}"
            ).format(
                model=", ".join(model.classes[:20]),
                data=", ".join(version.classes[:20]),
            )
        )


def finish_evaluation(claim: Claim, measured: Measured) -> None:
    """Keep and sign the figures and end the job, or neither."""
    with jobs.fenced(claim):
        row = Evaluation.objects.select_related("version", "revision").get(
            job_id=claim.job_id
        )
        row.figures = measured.figures
        row.weights_sha256 = measured.weights_sha256
        row.data_sha256 = row.version.content_hash
        row.code_version = measured.code_version
        row.measured_at = timezone.now()
        row.signature = _sign(row)
        row.save()
        note_speed(revision_id=row.revision_id, time_ms=row.figures["time_ms"])
        jobs.finish_job(claim, result={"ap": measured.figures["ap"]})


def is_genuine(row: Evaluation) -> bool:
    """Whether the figures are what a job measured, on weights and data as they are now.

    Whoever edits a figure, swaps the weights or the data, or copies a row to another
    model has no signature for it.
    """
    return (
        bool(row.signature)
        and constant_time_compare(row.signature, _sign(row))
        and row.data_sha256 == row.version.content_hash
        and holds_file(revision_id=row.revision_id, sha256=row.weights_sha256)
    )


def _sign(row: Evaluation) -> str:
    said = {
        "revision": row.revision.revision,
        "model": row.revision.model_id,
        "version": row.version_id,
        "split": row.split,
        "figures": row.figures,
        "weights": row.weights_sha256,
        "data": row.data_sha256,
        "code": row.code_version,
        "at": row.measured_at.isoformat() if row.measured_at else "",
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return salted_hmac(_SALT, text, algorithm="sha256").hexdigest()
