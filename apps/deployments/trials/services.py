"""A person's own picture is given to a model that is not deployed: a short job."""

from typing import IO, TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.selectors import access_workspace
from apps.core import blobs, images
from apps.core.errors import TooLargeError
from apps.deployments.trials.errors import TooManyTrialsError
from apps.deployments.trials.models import Trial
from apps.deployments.trials.types import Measured
from apps.jobs import services as jobs
from apps.jobs.types import ENDED, Claim, Needs, NewJob, Priority
from apps.marketplace.selectors.serving import access_picture_model
from apps.marketplace.services.speeds import note_speed
from apps.marketplace.types import READS

if TYPE_CHECKING:
    from apps.accounts.models import User

KIND = "try-model"
LARGEST_BYTES = 16 * 1024 * 1024
TIME_LIMIT_S = 120
MOST_WAITING = 3


def check_picture(file: IO[bytes] | None, *, size: int | None) -> IO[bytes]:
    """Return a picture that may be tried.

    Raises:
        NotAnImageError: None, or not one.
        TooLargeError: More bytes than are taken here.
    """
    if file is None or not size:
        raise images.NotAnImageError(_("Choose a picture of at most 16 MB."))
    if size > LARGEST_BYTES:
        raise TooLargeError(_("Choose a picture of at most 16 MB."))
    return file


@transaction.atomic
def start_trial(
    *, user: "User", workspace_id: int, revision_id: int, picture: IO[bytes]
) -> Trial:
    """Queue a picture for a model; the worker's answer is kept for a day.

    Raises:
        NotFoundError: No such model revision or workspace for this user.
        NoPictureModelError: It takes no picture, or something beside it.
        NotAnImageError: That is no picture.
        TooManyTrialsError: Three others of this user wait.
    """
    access_workspace(user=user, workspace_id=workspace_id)
    revision = access_picture_model(user=user, revision_id=revision_id)
    waiting = Trial.objects.filter(created_by=user).exclude(job__status__in=ENDED)
    if waiting.count() >= MOST_WAITING:
        raise TooManyTrialsError(
            _("{num} of your pictures wait for their answers: try again then").format(
                num=MOST_WAITING
            )
        )
    images.inspect(picture)
    blob = blobs.put(picture)
    job = jobs.create_job(
        user=user,
        workspace_id=workspace_id,
        new=NewJob(
            kind=KIND,
            title=f"Try {revision.full_name}"[:200],
            task="trials.answer",
            params={"revision_id": revision.id, READS: [revision.id]},
            priority=Priority.URGENT,
            needs=Needs(num_cpus=1),
            time_limit_s=TIME_LIMIT_S,
        ),
    )
    return Trial.objects.create(
        created_by=user, job=job, revision_id=revision.id, sha256=blob.sha256
    )


def finish_trial(claim: Claim, measured: Measured) -> None:
    """Keep the answer and end the job, both or neither."""
    with transaction.atomic():
        jobs.finish_job(claim, result=_summary(measured))
        trials = Trial.objects.filter(job_id=claim.job_id)
        trials.update(
            answer=measured.answer, load_ms=measured.load_ms, time_ms=measured.time_ms
        )
        for revision_id in trials.values_list("revision_id", flat=True):
            note_speed(revision_id=revision_id, time_ms=measured.time_ms)


def _summary(measured: Measured) -> dict[str, Any]:
    return {"load_ms": measured.load_ms, "time_ms": measured.time_ms}


def forget_trials() -> int:
    """Delete what is older than a day and answered; the pictures' blobs follow."""
    return Trial.objects.over().filter(job__status__in=ENDED).delete()[0]
