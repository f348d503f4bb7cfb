"""A search for the model that suits a few labeled images: asked for, and kept."""

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.selectors import access_workspace
from apps.accounts.types import Role
from apps.diagnostics.transfer.errors import NotSearchableError
from apps.diagnostics.transfer.models import TransferSearch
from apps.diagnostics.transfer.types import (
    LEAST_IMAGES,
    MOST_IMAGES,
    MOST_MEASURED,
    LeftOut,
    NewSearch,
    Scored,
)
from apps.jobs import services as jobs
from apps.jobs.types import Claim, Needs, NewJob
from apps.labeling.selectors import access_dataset_version
from apps.labeling.selectors.versions import sample_of_version
from apps.labeling.types import DatasetVersionInfo
from apps.marketplace.selectors.candidates import Candidate, list_candidates
from apps.marketplace.services.speeds import note_speed
from apps.marketplace.types import READS

if TYPE_CHECKING:
    from apps.accounts.models import User

KIND = "transfer-search"


@transaction.atomic
def start_search(*, user: "User", new: NewSearch) -> TransferSearch:
    """Queue a search among all models that the user may have.

    Raises:
        NotFoundError: No such dataset version for this user.
        RoleTooLowError: It takes an annotator of the version's workspace.
        NotSearchableError: Too few images are labeled, or no model can be asked.
    """
    version = access_dataset_version(user=user, version_id=new.version_id)
    access_workspace(user=user, workspace_id=version.workspace_id, needs=Role.ANNOTATOR)
    image_ids = _images(version, new)
    found = list_candidates(user=user, workspace_id=version.workspace_id)
    rows = _rows(found)
    asked = [row["revision_id"] for row in rows if row["left_out"] == LeftOut.NO]
    if not asked:
        raise NotSearchableError(
            _(
                "none of the {num} models here can be asked: fetch one from the "
                "catalogue, or publish one with an ONNX file"
            ).format(num=len(rows))
        )
    title = f"Find a model for {version.project} v{version.number}"
    job = jobs.create_job(
        user=user,
        workspace_id=version.workspace_id,
        new=NewJob(
            kind=KIND,
            title=title[:200],
            task="transfer.search",
            params={
                "project_id": version.project_id,
                READS: asked,
            },
            needs=Needs(num_cpus=1),
        ),
    )
    return TransferSearch.objects.create(
        workspace_id=version.workspace_id,
        created_by=user,
        job=job,
        version_id=version.id,
        split=new.split,
        image_ids=image_ids,
        most_ms=new.most_ms,
        rows=rows,
    )


def _images(version: DatasetVersionInfo, new: NewSearch) -> list[int]:
    if new.image_ids:
        wanted, num = set(new.image_ids), len(set(new.image_ids))
    else:
        wanted, num = None, new.num_images
    if not LEAST_IMAGES <= num <= MOST_IMAGES:
        raise NotSearchableError(
            _("choose {least} to {most} labeled images, not {num}").format(
                least=LEAST_IMAGES, most=MOST_IMAGES, num=num
            )
        )
    found = sample_of_version(
        version_id=version.id, split=new.split, num=num, among=wanted
    )
    if wanted and len(found) < num:
        raise NotSearchableError(
            _(
                "of the {num} chosen images, {found} are labeled images of version "
                "{version}: choose among those"
            ).format(num=num, found=len(found), version=version.number)
        )
    if len(found) < LEAST_IMAGES:
        raise NotSearchableError(
            _(
                "{found} images with objects are there, {least} are needed: label more "
                "and make another version, or take all splits"
            ).format(found=len(found), least=LEAST_IMAGES)
        )
    return found


def _rows(found: list[Candidate]) -> list[dict[str, Any]]:
    """A row a model; the most wanted of those that can be asked are measured."""
    rows, num = [], 0
    for one in found:
        left_out = LeftOut(one.why_not)
        num += not left_out
        if num > MOST_MEASURED and not left_out:
            left_out = LeftOut.MANY
        rows.append({"revision_id": one.revision_id, "left_out": left_out.value})
    return rows


def finish_search(claim: Claim, scored: dict[int, Scored]) -> None:
    """Keep what was measured and end the job, or neither."""
    with jobs.fenced(claim):
        search = TransferSearch.objects.get(job_id=claim.job_id)
        for row in search.rows:
            one = scored.get(row["revision_id"])
            if one is None:
                continue
            row |= {**one.told, "left_out": one.left_out, "reason": one.reason}
            if "time_ms" in one.told:
                note_speed(revision_id=row["revision_id"], time_ms=one.told["time_ms"])
        search.save(update_fields=["rows", "updated_at"])
        num = sum(one.left_out == LeftOut.NO for one in scored.values())
        jobs.finish_job(claim, result={"num_ranked": num})
