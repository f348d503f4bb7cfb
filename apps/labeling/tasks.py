import time

from celery import Task, shared_task

from apps.core.errors import DomainError
from apps.core.processes import EngineError
from apps.jobs import services as jobs
from apps.jobs.errors import StaleAttemptError
from apps.jobs.types import Claim
from apps.labeling import engines
from apps.labeling.services import prelabels
from apps.labeling.types import Found
from deepseek_vision.events import Event, ImageDetected, ImageFailed

RENEW_EVERY_S = 5.0


class CancelledError(Exception):
    """The job's person asked to stop."""


@shared_task(name="labeling.prelabel", bind=True)
def prelabel(self: "Task[..., None]", job_id: str) -> None:
    claim = jobs.claim_job(job_id=job_id, worker=self.request.hostname or "")
    if claim is None:
        return
    try:
        _prelabel(claim)
    except CancelledError:
        jobs.end_cancelled(claim)
    except StaleAttemptError:
        return  # another attempt has it; the engine was stopped on the way out
    except (EngineError, DomainError) as exc:
        jobs.fail_job(claim, code=type(exc).__name__, error=str(exc))


def _prelabel(claim: Claim) -> None:
    images = prelabels.images_to_detect(claim)
    total = len(claim.params["image_ids"])
    jobs.start_running(claim, num_total=total, num_done=total - len(images))
    renewed_at = time.monotonic()
    for event in engines.detect(claim, images):
        _record(claim, event)
        if event is None or time.monotonic() - renewed_at > RENEW_EVERY_S:
            renewed_at = time.monotonic()
            if not jobs.renew_lease(claim):
                raise CancelledError
    jobs.finish_job(claim, result=prelabels.summary(claim))


def _record(claim: Claim, event: Event | None) -> None:
    match event:
        case ImageDetected():
            found = [
                Found(label=row.label, score=row.score, bbox=row.bbox)
                for row in event.detections
            ]
            prelabels.record_predictions(claim, image_id=event.image_id, found=found)
        case ImageFailed():
            prelabels.record_failure(
                claim, image_id=event.image_id, reason=event.reason
            )
        case _:
            pass
