"""Very large images are cut into tiles by a worker, so that browsers need few of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import transaction

from apps.core import blobs
from apps.core.processes import EngineError
from apps.jobs import selectors as job_selectors
from apps.jobs import services as jobs
from apps.jobs.services import Holding
from apps.jobs.types import Claim, JobStatus, NewJob
from apps.labeling import selectors
from apps.labeling.formats.pyramid import TILE_PX, Size, index_of, levels_of
from apps.labeling.models import Image, Pyramid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apps.accounts.models import User

KIND = "tile"
_OVER = {JobStatus.FAILED, JobStatus.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """How an image's tiles stand.

    Attributes:
        state: cutting, ready or failed.
        percent: Of the cutting.
        detail: Why it failed.
        levels: Width and height, the smallest first.
    """

    state: str
    percent: int
    detail: str
    tile_px: int
    levels: list[Size]


@transaction.atomic
def start_tiling(image: Image) -> Pyramid:
    """Queue the cutting of a large image, once."""
    Image.documents.select_for_update(of=("self",)).get(pk=image.pool_id)
    found = Pyramid.objects.defer("index").filter(image_id=image.pool_id).first()
    if found is not None:
        return found
    new = NewJob(
        kind=KIND,
        title=f"Tiles of {image.name}"[:200],
        task="labeling.tile",
        params={"image_id": image.pool_id, "sha256": image.shown_sha256},
    )
    job = jobs.create_job(
        user=image.created_by, workspace_id=image.project.workspace_id, new=new
    )
    return Pyramid.objects.create(image_id=image.pool_id, job_id=job.pk)


def see_tiles(*, user: "User", image_id: int) -> Tiling:
    """Say how an image's tiles stand; those of an older image are cut when first wanted.

    Raises:
        NotFoundError: No such image for this user, or one that is shown whole.
    """
    image = selectors.access_tiled(user=user, image_id=image_id)
    row = Pyramid.objects.defer("index").filter(image_id=image.pool_id).first()
    row = row or start_tiling(image)
    state, percent, detail = "ready", 100, ""
    if not row.tiles_sha256:
        job = job_selectors.access_job(user=user, job_id=row.job_id)
        state = "failed" if JobStatus(job.status) in _OVER else "cutting"
        percent, detail = min(job.num_done, 99), job.error
    return Tiling(
        state=state,
        percent=percent,
        detail=detail,
        tile_px=TILE_PX,
        levels=levels_of((image.width, image.height)),
    )


def cut(holding: Holding, told: "Iterator[int | None]", *, folder: Path) -> None:
    """Follow the cutting, then keep what was cut."""
    claim, done = holding.claim, 0
    jobs.start_running(claim, num_total=100)
    for percent in told:
        if percent is not None and percent >= done + 5:
            holding.report([], num_newly_done=percent - done)
            done = percent
        holding.keep(is_urgent=percent is None)
    num_bytes = _keep(claim, folder / "tiles.zip")
    holding.report([], num_newly_done=100 - done)
    jobs.finish_job(claim, result={"num_images": 1, "num_bytes": num_bytes})


def _keep(claim: Claim, path: Path) -> int:
    image = Image.documents.filter(pk=claim.params["image_id"]).first()
    if image is None:
        return 0  # it was deleted meanwhile
    try:
        index = index_of(path, (image.width, image.height))
    except ValueError as error:
        raise EngineError(str(error)) from error
    with path.open("rb") as file:
        kept = blobs.put(file)
    Pyramid.objects.filter(image=image).update(tiles_sha256=kept.sha256, index=index)
    return kept.size
