"""What people say of proposals: right or wrong. It calibrates the scores."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from apps.accounts.types import Role
from apps.labeling import selectors
from apps.labeling.models import Image, Prediction, Verdict
from apps.labeling.types import Operation, Put, Remove, Shape, Source

if TYPE_CHECKING:
    from apps.accounts.models import User

SAME_OBJECT_IOU = 0.5
BBox = tuple[float, float, float, float]


def follow(*, image: Image, user: "User", operations: Sequence[Operation]) -> None:
    """Draw verdicts from what a batch did to shapes that began as proposals.

    One that was taken over is right where it kept its label and about its box; one that
    is no longer there is open again.
    """
    removed = [row.id for row in operations if isinstance(row, Remove)]
    taken = {
        row.shape.id: row.shape
        for row in operations
        if isinstance(row, Put) and row.shape.source is Source.PREDICTION
    }
    if removed:
        Verdict.objects.filter(image=image, uid__in=removed).delete()
    if taken:
        proposals = Prediction.objects.filter(image=image, uid__in=taken)
        judged = [(one, _is_right(one, taken[one.uid])) for one in proposals]
        record(user=user, judged=judged)


@transaction.atomic
def reject(*, user: "User", image_id: int, uids: Iterable[UUID]) -> int:
    """Say that proposals are wrong; saying it again changes nothing.

    Returns:
        How many of them there are.
    """
    image = selectors.access_image(
        user=user, image_id=image_id, needs=Role.ANNOTATOR, lock=True
    )
    proposals = Prediction.objects.filter(image=image, uid__in=list(uids))
    wrong = [(one, False) for one in proposals]
    record(user=user, judged=wrong)
    return len(wrong)


def record(*, user: "User", judged: Sequence[tuple[Prediction, bool]]) -> None:
    """Keep whether proposals are right; the last word on one counts."""
    rows = [
        Verdict(
            image_id=one.image_id,
            uid=one.uid,
            label_id=one.label_id,
            model=one.model,
            score=one.score,
            is_right=is_right,
            user=user,
            x1=one.x1,
            y1=one.y1,
            x2=one.x2,
            y2=one.y2,
        )
        for one, is_right in judged
    ]
    Verdict.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["image", "uid"],
        update_fields=["is_right", "user", "at"],
    )


def _is_right(proposal: Prediction, shape: Shape) -> bool:
    is_same_label = proposal.label_id == shape.label_id
    return is_same_label and iou(proposal.bbox, shape.bbox) >= SAME_OBJECT_IOU


def iou(a: BBox, b: BBox) -> float:
    """Intersection over union; 0 where both are empty."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (_area(a) + _area(b) - shared)


def _area(box: BBox) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
