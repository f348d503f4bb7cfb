"""Pre-labels: a job asks a detector, its answers become the prediction layer.

An instance segmenter is asked alike; what it proposes has an outline.
"""

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.types import Role
from apps.core.errors import DomainError
from apps.jobs import services as jobs
from apps.jobs.selectors import items_done
from apps.jobs.types import Claim, EventKind, NewEvent, NewJob
from apps.labeling import selectors
from apps.labeling.formats.geometry import bounds, pack
from apps.labeling.models import Image, Label, Prediction
from apps.labeling.services.assigning import carry_out_rules
from apps.labeling.types import Found, ImageState, ShapeKind
from apps.marketplace.selectors import access_detector, list_detectors
from apps.marketplace.types import READS, Detector

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.jobs.models import Job

KIND = "prelabel"


class NothingToDoError(DomainError):
    code = "nothing_to_do"


class NoCommonClassError(DomainError):
    code = "no_common_class"


@transaction.atomic
def start_prelabel(
    *,
    user: "User",
    project_id: int,
    model: str = "",
    score_threshold: float = 0.2,
    image_ids: Sequence[int] | None = None,
) -> "Job":
    """Ask a detector for proposals on a project's images that are not submitted.

    Args:
        user: Who asks.
        project_id: Whose images.
        model: A detector's name; empty takes the one that knows most of the labels.
        score_threshold: Proposals below it are not kept.
        image_ids: Only these; None means all.

    Raises:
        NotFoundError: No such project or detector.
        NoCommonClassError: The detector finds nothing that the project labels.
        NothingToDoError: No image waits.
    """
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.ANNOTATOR
    )
    detector, common = _choose(user, project_id, model)
    images = _waiting(project_id, image_ids)
    if not images:
        raise NothingToDoError(
            _("every image is submitted: upload more, or reopen some")
        )
    new = NewJob(
        kind=KIND,
        title=f"Pre-label {project.name}",
        task="labeling.prelabel",
        params={
            "project_id": project_id,
            "model": detector.full_name,
            "model_revision_id": detector.revision_id,
            READS: [detector.revision_id],
            "labels": common,
            "score_threshold": score_threshold,
            "image_ids": images,
        },
    )
    return jobs.create_job(user=user, workspace_id=project.workspace_id, new=new)


def _choose(user: "User", project_id: int, model: str) -> tuple[Detector, list[str]]:
    """Return the detector asked for, else the one that knows most of the labels.

    Returns:
        It, and those of its classes that the project labels, drawn as it draws them.
    """
    labels = list(selectors.list_labels(project_id=project_id))
    known = list_detectors(user=user, with_masks=True)
    if model or not known:
        known = [access_detector(user=user, name=model, with_masks=True)]
    commons = [_common(detector, labels) for detector in known]
    best = max(range(len(known)), key=lambda number: len(commons[number]))
    if not commons[best]:
        raise NoCommonClassError(
            _(
                "{name} finds {classes}, but this project has none of "
                "these labels, drawn as it draws them: add one, or choose another model"
            ).format(name=known[best].name, classes=", ".join(known[best].classes))
        )
    return known[best], commons[best]


def _common(detector: Detector, labels: Sequence[Label]) -> list[str]:
    kind = ShapeKind.POLYGON if detector.has_masks else ShapeKind.BOX
    names = {row.name.lower() for row in labels if row.allows(kind)}
    return [name for name in detector.classes if name.lower() in names]


def _waiting(project_id: int, image_ids: Sequence[int] | None) -> list[int]:
    images = Image.objects.filter(project_id=project_id).exclude(
        state=ImageState.SUBMITTED
    )
    if image_ids is not None:
        images = images.filter(pk__in=image_ids)
    return list(images.order_by("pk").values_list("pk", flat=True))


def images_to_detect(claim: Claim) -> list[tuple[int, str]]:
    """Return id and SHA-256 of the images that this job still has to look at.

    A second attempt goes on where the first was cut off.
    """
    done = items_done(job_id=claim.job_id, key="image_id")
    images = Image.objects.filter(pk__in=set(claim.params["image_ids"]) - done)
    return list(images.order_by("pk").values_list("pk", "sha256"))


def record_predictions(claim: Claim, *, image_id: int, found: Sequence[Found]) -> None:
    """Replace the image's proposals by what the job found, once.

    Raises:
        StaleAttemptError: Another attempt has the job; nothing was written.
    """
    with jobs.fenced(claim):
        image = Image.objects.select_for_update().filter(pk=image_id).first()
        if image is not None:
            _replace(claim, image, found)
        payload = {"image_id": image_id, "num_predictions": len(found)}
        event = NewEvent(kind=EventKind.ITEM, payload=payload)
        jobs.report(claim, [event], num_newly_done=1)


def record_failure(claim: Claim, *, image_id: int, reason: str) -> None:
    """Note that one image could not be read; the job goes on."""
    payload = {"image_id": image_id, "num_predictions": 0, "error": reason}
    event = NewEvent(kind=EventKind.ITEM, payload=payload)
    jobs.report(claim, [event], num_newly_done=1)


def _replace(claim: Claim, image: Image, found: Sequence[Found]) -> None:
    labels = {
        label.name.lower(): label
        for label in Label.objects.filter(project_id=image.project_id)
    }
    model = claim.params["model"]
    Prediction.objects.filter(image=image).delete()
    rows = [
        _proposal(
            one,
            image=image,
            label=label,
            model=model,
            job_id=claim.job_id,
        )
        for one in found
        if (label := labels.get(one.label.lower())) and label.allows(one.kind)
    ]
    Prediction.objects.bulk_create(rows)
    image.num_predictions = len(rows)
    image.doubt = max((_doubt(row.score) for row in rows), default=0.0)
    image.save(update_fields=["num_predictions", "doubt", "updated_at"])
    carry_out_rules(project_id=image.project_id, image_ids=[image.pk])


def _proposal(one: Found, **known: Any) -> Prediction:
    packed = pack(one.kind, one.geometry)
    x1, y1, x2, y2 = bounds(one.kind, packed) if packed else one.bbox
    return Prediction(
        **known,
        uid=uuid.uuid4(),
        kind=one.kind,
        packed=packed,
        score=one.score,
        x1=x1,
        y1=y1,
        x2=x2,
        y2=y2,
    )


def _doubt(score: float) -> float:
    """From 0, sure either way, to 1, a coin's toss."""
    return 1 - abs(2 * score - 1)


def summary(claim: Claim) -> dict[str, int]:
    """What the job found on all its images, over all its attempts."""
    rows = Prediction.objects.filter(job_id=claim.job_id)
    return {
        "num_images": len(claim.params["image_ids"]),
        "num_predictions": rows.count(),
    }
