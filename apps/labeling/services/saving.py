"""Annotations change by operations on an image's revision, each batch once."""

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.types import Role
from apps.labeling import selectors
from apps.labeling.errors import BadOperationError, RevisionConflictError
from apps.labeling.formats.geometry import bounds, pack
from apps.labeling.models import Annotation, Image, Label, OperationLog
from apps.labeling.services import verdicts
from apps.labeling.types import (
    HELD_FOR,
    ImageState,
    Operation,
    Put,
    Remove,
    Review,
    Shape,
    ShapeKind,
)

if TYPE_CHECKING:
    from apps.accounts.models import User


CHANGED_BY_A_PUT = [
    "label", "kind", "packed", "source", "score", "attributes", "is_occluded",
    "is_truncated", "group", "layer", "x1", "y1", "x2", "y2", "updated_by",
    "updated_at",
]  # fmt: skip
_SAID = [field.name for field in fields(Shape)]


@transaction.atomic
def apply_operations(
    *,
    user: "User",
    image_id: int,
    revision: int,
    key: str,
    operations: Sequence[Operation],
) -> int:
    """Apply a batch of operations to the revision that the client saw.

    Args:
        user: Who changes it.
        image_id: Which image.
        revision: The revision last seen.
        key: Names this batch; sending it again changes nothing and answers the same.
        operations: In order; a put replaces the annotation of that id.

    Returns:
        The new revision.

    Raises:
        RevisionConflictError: Somebody else saved since; nothing was applied.
        BadOperationError: An unknown label or a box that is not one; nothing applied.
    """
    image = selectors.access_image(
        user=user, image_id=image_id, needs=Role.ANNOTATOR, lock=True
    )
    applied = OperationLog.objects.filter(image=image, key=key).first()
    if applied is not None:
        return applied.revision
    if image.revision != revision:
        raise RevisionConflictError(
            _(
                "the image is at revision {revision}, you saw "
                "{seen}: read it again and merge"
            ).format(revision=image.revision, seen=revision),
            revision=image.revision,
        )
    operations = [_measured(image, operation) for operation in operations]
    _check(image, operations)
    _apply(image, user, operations)
    verdicts.follow(image=image, user=user, operations=operations)
    image.revision += 1
    image.num_annotations = Annotation.objects.filter(image=image).count()
    if image.state == ImageState.UNLABELED and image.num_annotations:
        image.state = ImageState.IN_PROGRESS
    if image.review == Review.ACCEPTED:
        image.review = Review.OPEN  # what was accepted is no longer there
    if image.held_until is not None and image.assignee_id == user.pk:
        image.held_until = timezone.now() + HELD_FOR
    image.save(
        update_fields=[
            "revision", "num_annotations", "state", "review", "held_until",
            "updated_at",
        ]
    )  # fmt: skip
    OperationLog.objects.create(
        image=image,
        revision=image.revision,
        key=key,
        user=user,
        operations=[logged(operation) for operation in operations],
    )
    return image.revision


def _check(image: Image, operations: Sequence[Operation]) -> None:
    known = set(
        Label.objects.filter(project_id=image.project_id).values_list("pk", flat=True)
    )
    for operation in operations:
        if isinstance(operation, Put):
            _check_shape(image, operation.shape, known)


def _measured(image: Image, operation: Operation) -> Operation:
    """Give a shape that is not a box the bounding box of its geometry, a tag all."""
    if not isinstance(operation, Put) or operation.shape.kind is ShapeKind.BOX:
        return operation
    shape = operation.shape
    if shape.kind is ShapeKind.TAG:
        return Put(shape=replace(shape, bbox=(0, 0, image.width, image.height)))
    bbox = bounds(shape.kind, pack(shape.kind, shape.geometry))
    return Put(shape=replace(shape, bbox=bbox))


def _check_shape(image: Image, shape: Shape, known: set[int]) -> None:
    if shape.label_id not in known:
        raise BadOperationError(
            _(
                "label {label_id} is not of this project (any more): choose another"
            ).format(label_id=shape.label_id),
            annotation=str(shape.id),
        )
    x1, y1, x2, y2 = shape.bbox
    if not all(map(math.isfinite, shape.bbox)) or x1 > x2 or y1 > y2:
        is_on_image = False
    elif shape.kind in {ShapeKind.BOX, ShapeKind.MASK}:
        is_on_image = x1 >= 0 and y1 >= 0 and x2 <= image.width and y2 <= image.height
    else:
        # A turned box or a line may overhang, but not lie beside the image.
        is_on_image = x2 >= 0 and y2 >= 0 and x1 <= image.width and y1 <= image.height
    if not is_on_image:
        raise BadOperationError(
            _(
                "bbox must be [x1, y1, x2, y2] inside {width} x {height}, got {bbox}"
            ).format(width=image.width, height=image.height, bbox=list(shape.bbox)),
            annotation=str(shape.id),
        )


def _apply(image: Image, user: "User", operations: Sequence[Operation]) -> None:
    last = {_uid(operation): operation for operation in operations}
    removed = [uid for uid, row in last.items() if isinstance(row, Remove)]
    Annotation.objects.filter(image=image, uid__in=removed).delete()
    rows = [
        row_of(image, user, row.shape) for row in last.values() if isinstance(row, Put)
    ]
    Annotation.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["image", "uid"],
        update_fields=CHANGED_BY_A_PUT,
    )


def _uid(operation: Operation) -> UUID:
    return operation.shape.id if isinstance(operation, Put) else operation.id


def row_of(image: Image, user: "User", shape: Shape) -> Annotation:
    x1, y1, x2, y2 = shape.bbox
    return Annotation(
        image=image,
        uid=shape.id,
        label_id=shape.label_id,
        kind=shape.kind,
        packed=pack(shape.kind, shape.geometry),
        source=shape.source,
        score=shape.score,
        attributes=shape.attributes,
        is_occluded=shape.is_occluded,
        is_truncated=shape.is_truncated,
        group=shape.group,
        layer=shape.layer,
        x1=x1,
        y1=y1,
        x2=x2,
        y2=y2,
        created_by=user,
        updated_by=user,
    )


def logged(operation: Operation) -> dict[str, object]:
    """An operation as the log keeps it; nothing is copied, for it is written at once."""
    if isinstance(operation, Remove):
        return {"op": "remove", "id": operation.id}
    shape = operation.shape
    return {"op": "put", "shape": {name: getattr(shape, name) for name in _SAID}}
