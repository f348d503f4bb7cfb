import shutil
from contextlib import closing

import httpx
from celery import Task, shared_task

from apps.core import blobs
from apps.core.fetching import TIMEOUT_S
from apps.jobs import services as jobs
from apps.jobs.services import Holding
from apps.jobs.types import Claim
from apps.labeling import engines
from apps.labeling.services import exporting, importing, prelabels, tiling
from apps.labeling.services.gathering import Gathering
from apps.labeling.sources.addresses import fetched
from apps.labeling.sources.buckets import bucket_named, stored
from apps.labeling.sources.zipped import open_zip, zipped
from apps.labeling.types import Found, ShapeKind
from deepseek_vision.events import Event, ImageDetected, ImageFailed


@shared_task(name="labeling.prelabel", bind=True)
def prelabel(self: "Task[..., None]", job_id: str) -> None:
    jobs.carry_out(job_id=job_id, worker=self.request.hostname or "", work=_prelabel)


def _prelabel(holding: Holding) -> None:
    claim = holding.claim
    images = prelabels.images_to_detect(claim)
    total = len(claim.params["image_ids"])
    jobs.start_running(claim, num_total=total, num_done=total - len(images))
    with closing(engines.detect(claim, images)) as told:
        for event in told:
            _record(claim, event)
            holding.keep(is_urgent=event is None)
    jobs.finish_job(claim, result=prelabels.summary(claim))


@shared_task(name="labeling.export", bind=True)
def export(self: "Task[..., None]", job_id: str) -> None:
    worker = self.request.hostname or ""
    jobs.carry_out(job_id=job_id, worker=worker, work=exporting.export)


@shared_task(name="labeling.import", bind=True)
def import_annotations(self: "Task[..., None]", job_id: str) -> None:
    worker = self.request.hostname or ""
    jobs.carry_out(job_id=job_id, worker=worker, work=importing.carry_out_import)


@shared_task(name="labeling.tile", bind=True)
def tile(self: "Task[..., None]", job_id: str) -> None:
    jobs.carry_out(job_id=job_id, worker=self.request.hostname or "", work=_tile)


def _tile(holding: Holding) -> None:
    folder = jobs.run_dir(holding.claim.job_id)
    with closing(engines.cut_tiles(holding.claim, folder=folder)) as told:
        tiling.cut(holding, told, folder=folder)
    shutil.rmtree(folder, ignore_errors=True)


@shared_task(name="labeling.gather", bind=True)
def gather(self: "Task[..., None]", job_id: str) -> None:
    jobs.carry_out(job_id=job_id, worker=self.request.hostname or "", work=_gather)


def _gather(holding: Holding) -> None:
    params, gathering = holding.claim.params, Gathering(holding)
    match params["source"]:
        case "zip":
            with (
                blobs.local_copy(params["sha256"]) as path,
                open_zip(path, name=params["name"]) as archive,
            ):
                gathering.take(zipped(archive))
        case "video":
            with engines.frames_of(holding.claim) as frames:
                gathering.take(frames)
        case "addresses":
            with httpx.Client(timeout=TIMEOUT_S) as client:
                gathering.take(fetched(client, params["urls"]))
        case "bucket":
            bucket = bucket_named(params["bucket"])
            gathering.take(stored(bucket, folder=params["folder"]))


def _record(claim: Claim, event: Event | None) -> None:
    match event:
        case ImageDetected():
            found = [
                Found(
                    label=row.label,
                    score=row.score,
                    bbox=row.bbox,
                    kind=ShapeKind(row.kind),
                    geometry=row.geometry,
                )
                for row in event.detections
            ]
            prelabels.record_predictions(claim, image_id=event.image_id, found=found)
        case ImageFailed():
            prelabels.record_failure(
                claim, image_id=event.image_id, reason=event.reason
            )
        case _:
            pass
