"""What people say of proposals: right or wrong. It calibrates the scores."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from apps.accounts.types import Role
from apps.core.boxes import iou
from apps.labeling import selectors
from apps.labeling.agreement.matching import SAME_OBJECT_IOU
from apps.labeling.models import Image, Prediction, Verdict
from apps.labeling.types import Operation, Put, Remove, Shape, Source

if TYPE_CHECKING:
    from apps.accounts.models import User


def are_told(operations: Sequence[Operation]) -> bool:
    """Whether a batch may say something of proposals."""
    return any(
        isinstance(row, Remove) or row.shape.source is Source.PREDICTION
        for row in operations
    )


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
        proposals = Prediction.objects.filter(image_id=image.pool_id, uid__in=taken)
        judged = [(one, _is_right(one, taken[one.uid])) for one in proposals]
        record(user=user, image=image, judged=judged)


@transaction.atomic
def reject(*, user: "User", image_id: int, uids: Iterable[UUID]) -> int:
    """Say that proposals are wrong; saying it again changes nothing.

    Returns:
        How many of them there are.
    """
    image = selectors.access_image(
        user=user, image_id=image_id, needs=Role.ANNOTATOR, lock=True
    )
    proposals = Prediction.objects.filter(image_id=image.pool_id, uid__in=list(uids))
    wrong = [(one, False) for one in proposals]
    record(user=user, image=image, judged=wrong)
    return len(wrong)


def record(
    *, user: "User", image: Image, judged: Sequence[tuple[Prediction, bool]]
) -> None:
    """Keep whether an image's proposals are right; the last word on one counts."""
    rows = [
        Verdict(
            image=image,
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
