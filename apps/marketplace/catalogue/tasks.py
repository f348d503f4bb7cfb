import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

from celery import Task, shared_task
from django.db import transaction
from django.dispatch import receiver

from apps.core.queue import enqueue
from apps.core.upkeep import upkeep
from apps.jobs import services as jobs
from apps.jobs.services import Holding
from apps.jobs.types import EventKind, NewEvent
from apps.marketplace.catalogue import engines
from apps.marketplace.catalogue.formats.choosing import is_for_converter
from apps.marketplace.catalogue.models import Fetch
from apps.marketplace.catalogue.services import fetching, keeping
from apps.marketplace.catalogue.types import UpstreamFile
from apps.marketplace.models import ModelRevision
from apps.marketplace.services.commits import NewFile

LOOKED_AT_ONCE = 50


@shared_task(name="catalogue.fetch", bind=True)
def fetch(self: "Task[..., None]", job_id: str) -> None:
    jobs.carry_out(job_id=job_id, worker=self.request.hostname or "", work=_fetch)


def _fetch(holding: Holding) -> None:
    claim = holding.claim
    asked = Fetch.objects.select_related("namespace").get(job_id=claim.job_id)
    files = keeping.announced(asked)
    here = keeping.kept_already(asked, files)
    # The last step is the converter's.
    num_total = len(files) + 1
    holding.write(
        lambda _id: jobs.start_running(claim, num_total=num_total, num_done=len(here))
    )
    missing = [file for file in files if file.path not in here]
    come = _download(holding, asked, missing)
    kept = [*here.values(), *come]
    revision = holding.write(lambda _id: keeping.keep_revision(claim, asked, kept))
    told = _convert(holding, revision, files)
    head = revision
    if told["made"]:
        made = jobs.run_dir(claim.job_id) / "made"
        head = holding.write(
            lambda _id: keeping.keep_converted(claim, revision, folder=made, told=told)
        )
    result = {
        "model": revision.model.full_name,
        "revision": head.revision,
        "sha": asked.sha,
        "num_files": len(files),
        "num_bytes": sum(file.size for file in files),
        "num_bytes_moved": sum(file.size for file in missing),
        **told,
    }
    holding.write(lambda _id: jobs.finish_job(claim, result=result))
    shutil.rmtree(jobs.run_dir(claim.job_id), ignore_errors=True)


def _download(
    holding: Holding, asked: Fetch, missing: list[UpstreamFile]
) -> list[NewFile]:
    if not missing:
        return []
    folder = jobs.run_dir(holding.claim.job_id) / "files"
    by_path = {file.path: file for file in missing}
    kept = []
    with closing(
        engines.download(holding.claim, asked, list(by_path), folder)
    ) as lines:
        for told in lines:
            holding.keep(is_urgent=told is None)
            if told is not None:
                kept.append(_take(holding, folder, by_path[told["path"]]))
    return kept


def _take(holding: Holding, folder: Path, file: UpstreamFile) -> NewFile:
    kept = keeping.keep_file(folder / file.path, file)
    event = NewEvent(kind=EventKind.ITEM, payload={"name": file.path})
    holding.report([event], num_newly_done=1)
    return kept


def _convert(
    holding: Holding, revision: ModelRevision, files: list[UpstreamFile]
) -> dict[str, Any]:
    said: dict[str, Any] = {"made": [], "said": "", "why_not": ""}
    if not is_for_converter(file.path for file in files):
        return said
    with closing(engines.convert(holding.claim, revision.pk)) as lines:
        for told in lines:
            holding.keep(is_urgent=told is None)
            said = told or said
    return said


@shared_task(name="catalogue.look_again", acks_late=True, soft_time_limit=600)
def look_again() -> None:
    fetching.look_again(limit=LOOKED_AT_ONCE)


@receiver(upkeep)
def look_now_and_then(**_signal: Any) -> None:
    if fetching.is_time_to_look():
        with transaction.atomic():
            enqueue("catalogue.look_again", queue="io")
