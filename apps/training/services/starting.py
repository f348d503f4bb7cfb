"""Runs are made, copied with changes, and described by people."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib import metadata
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.selectors import check_role, role_in
from apps.accounts.types import Role
from apps.core.devices import num_cpus
from apps.core.errors import NotFoundError
from apps.jobs import services as jobs
from apps.jobs.types import Needs, NewJob, Priority
from apps.labeling.selectors import access_dataset_version
from apps.labeling.types import DatasetVersionInfo
from apps.marketplace.selectors import access_model_revision
from apps.marketplace.selectors.licences import check_revision
from apps.marketplace.types import READS
from apps.training import selectors
from apps.training.errors import BadRecipeError, BaseDoesNotFitError, TooSmallError
from apps.training.models import TrainingRun
from apps.training.types import NewRun, RunDevice
from deepseek_vision.spec import Recipe

if TYPE_CHECKING:
    from apps.accounts.models import User

KIND = "train"
LONGEST_NAME = 90


@transaction.atomic
def start_run(*, user: "User", new: NewRun) -> TrainingRun:
    """Queue a training of a dataset version.

    Raises:
        NotFoundError: No such dataset version or model for this user.
        RoleTooLowError: It takes an annotator of the version's workspace.
        BadRecipeError: The recipe has no such number, or no run could use it.
        BaseDoesNotFitError: The model to begin with is of another size.
        LicenceDeniedError: The workspace does not work with that model's licence.
        HeldError: Scanners found something in that model.
        TooSmallError: Nothing to learn from, or to measure by.
    """
    version = access_dataset_version(user=user, version_id=new.dataset_version_id)
    role = role_in(user=user, workspace_id=version.workspace_id)
    if role is None:
        raise NotFoundError(_("dataset version not found"))
    check_role(role, Role.ANNOTATOR)
    recipe = selectors.recipe_of(preset_name=new.preset, changes=new.changes)
    _check_size(version)
    if new.base_revision_id is not None:
        _check_base(user, new.base_revision_id, recipe)
        check_revision(
            workspace_id=version.workspace_id, revision_id=new.base_revision_id
        )
    if not 0 < len(new.name.strip()) <= LONGEST_NAME:
        raise BadRecipeError(
            _("give the run a name of 1 to {most} letters").format(most=LONGEST_NAME)
        )
    job = jobs.create_job(
        user=user, workspace_id=version.workspace_id, new=_job(new, version, recipe)
    )
    guess = selectors.estimate(
        recipe=recipe,
        device=new.device,
        num_cpus=num_cpus(),
        num_val=version.splits.get("val", 0),
    )
    return TrainingRun.objects.create(
        workspace_id=version.workspace_id,
        created_by=user,
        job=job,
        name=new.name.strip(),
        notes=new.notes,
        tags=list(new.tags),
        dataset_version_id=version.id,
        base_revision_id=new.base_revision_id,
        cloned_from_id=new.cloned_from_id,
        preset=new.preset,
        changes=new.changes,
        recipe=asdict(recipe),
        device=new.device,
        licence=new.licence,
        code_version=metadata.version("dsportal"),
        estimate_s=guess.seconds,
    )


def _job(new: NewRun, version: DatasetVersionInfo, recipe: Recipe) -> NewJob:
    is_gpu = new.device == RunDevice.GPU
    return NewJob(
        kind=KIND,
        title=f"Train {new.name.strip()}",
        task="training.run",
        params={
            "project_id": version.project_id,
            "dataset_version_id": version.id,
            "preset": new.preset,
            "num_steps": recipe.num_steps,
            "base_revision_id": new.base_revision_id,
            READS: [new.base_revision_id] if new.base_revision_id else [],
        },
        queue="gpu" if is_gpu else "cpu",
        needs=Needs(num_gpus=1) if is_gpu else Needs(num_cpus=settings.RUN_CPUS),
        priority=Priority(new.priority),
        time_limit_s=new.time_limit_s,
    )


def _check_size(version: DatasetVersionInfo) -> None:
    if not version.splits.get("train") or not version.num_annotations:
        raise TooSmallError(
            _(
                "version {number} has no labeled training image: label and submit some, "
                "then make another version"
            ).format(number=version.number)
        )
    if not version.splits.get("val"):
        raise TooSmallError(
            _(
                "version {number} has no validation image to measure by: submit a few more images, "
                "or give some the split val"
            ).format(number=version.number)
        )


def _check_base(user: "User", revision_id: int, recipe: Recipe) -> None:
    """Weights are taken over where the architecture is the same."""
    base = access_model_revision(user=user, revision_id=revision_id)
    size = base.config.get("size", "small")
    if size != recipe.size:
        raise BaseDoesNotFitError(
            _(
                "{base} is a {size} detector, the preset trains a {wanted} one: "
                "choose another model, or begin from nothing"
            ).format(base=base.full_name, size=size, wanted=recipe.size)
        )


@transaction.atomic
def clone_run(
    *, user: "User", run_id: int, name: str = "", changes: dict[str, Any] | None = None
) -> TrainingRun:
    """Queue a run again with some numbers changed.

    Raises:
        NotFoundError: No such run for this user.
        RoleTooLowError: It takes an annotator.
        BadRecipeError: As for a new one.
    """
    old = selectors.access_run(user=user, run_id=run_id, needs=Role.ANNOTATOR)
    again = replace(
        _as_new(old),
        name=name or old.name,
        changes={**old.changes, **(changes or {})},
        cloned_from_id=old.pk,
    )
    return start_run(user=user, new=again)


def _as_new(run: TrainingRun) -> NewRun:
    return NewRun(
        name=run.name,
        dataset_version_id=run.dataset_version_id,
        base_revision_id=run.base_revision_id,
        preset=run.preset,
        changes=run.changes,
        device=RunDevice(run.device),
        priority=run.job.priority,
        time_limit_s=run.job.time_limit_s,
        tags=tuple(run.tags),
        licence=run.licence,
    )


@transaction.atomic
def describe_run(
    *, user: "User", run_id: int, notes: str | None, tags: Sequence[str] | None
) -> TrainingRun:
    """Change what people say about a run; None leaves it.

    Raises:
        NotFoundError: No such run for this user.
        RoleTooLowError: It takes an annotator.
    """
    run = selectors.access_run(
        user=user, run_id=run_id, needs=Role.ANNOTATOR, lock=True
    )
    if notes is not None:
        run.notes = notes
    if tags is not None:
        run.tags = sorted({tag.strip()[:40] for tag in tags if tag.strip()})
    run.save(update_fields=["notes", "tags", "updated_at"])
    return run
