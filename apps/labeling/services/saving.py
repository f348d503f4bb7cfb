"""Annotations change by operations on an image's revision, each batch once."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.selectors import check_role
from apps.accounts.types import Role
from apps.core.errors import KeyReusedError, NotFoundError
from apps.labeling.errors import BadOperationError, RevisionConflictError
from apps.labeling.formats.geometry import bounds, pack
from apps.labeling.models import Image, OperationLog
from apps.labeling.selectors.access import check_shown
from apps.labeling.services import verdicts
from apps.labeling.services.saving_sql import LOCK_SQL, WRITE_SQL
from apps.labeling.types import (
    HELD_FOR,
    Operation,
    Put,
    Remove,
    Shape,
    ShapeKind,
)

if TYPE_CHECKING:
    from apps.accounts.models import User


_SAID = [field.name for field in fields(Shape)]
_ENCODE = DjangoJSONEncoder(separators=(",", ":")).encode


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
        KeyReusedError: The key named another batch.
        BadOperationError: An unknown label or a box that is not one; nothing applied.
    """
    locked = _lock(user, image_id, key)
    image = locked.image
    operations = [_measured(image, operation) for operation in operations]
    said = _ENCODE([logged(operation) for operation in operations])
    if locked.was_applied or image.revision != revision:
        # The statement saw the log as it was when it began to wait for the lock.
        before = OperationLog.objects.filter(image=image, key=key).first()
        if before is not None:
            if before.operations != json.loads(said):
                raise KeyReusedError
            return before.revision
        raise RevisionConflictError(
            _(
                "the image is at revision {revision}, you saw "
                "{seen}: read it again and merge"
            ).format(revision=image.revision, seen=revision),
            revision=image.revision,
        )
    _check(image, operations, locked.label_ids)
    verdicts.follow(image=image, user=user, operations=operations)
    _write(image, user, operations, key=key, said=said)
    return image.revision


@dataclass(frozen=True, slots=True, kw_only=True)
class _Locked:
    """An image that nobody else can change, and what a batch is checked against.

    Attributes:
        label_ids: Of its project.
        was_applied: This batch came before, or another under its key.
    """

    image: Image
    label_ids: frozenset[int]
    was_applied: bool


def _lock(user: "User", image_id: int, key: str) -> _Locked:
    """Give the image to who may draw on it, by the rules of ``access_image``."""
    asked = {"image": image_id, "user": user.pk, "key": key}
    row: Any = next(iter(Image.documents.raw(LOCK_SQL, asked)), None)
    if row is None:
        raise NotFoundError(_("image not found"))
    role = Role(row.role)
    check_role(role, Role.ANNOTATOR)
    check_shown(row, user, role)
    known = frozenset(row.label_ids)
    return _Locked(image=row, label_ids=known, was_applied=row.was_applied)


def _write(
    image: Image, user: "User", operations: Sequence[Operation], *, key: str, said: str
) -> None:
    """Take the image to its next revision, with all that a batch says, at once."""
    image.revision += 1
    now = timezone.now()
    last = {_uid(operation): operation for operation in operations}
    put = [row.shape for row in last.values() if isinstance(row, Put)]
    written: dict[str, Any] = {
        "image": image.pk, "revision": image.revision, "user": user.pk,
        "now": now, "until": now + HELD_FOR, "key": key, "operations": said,
        "removed": [uid for uid, row in last.items() if isinstance(row, Remove)],
        "touched": list(last), "num_put": len(put), **_columns(put),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(WRITE_SQL, written)


def _uid(operation: Operation) -> UUID:
    return operation.shape.id if isinstance(operation, Put) else operation.id


def _columns(shapes: Sequence[Shape]) -> dict[str, list[Any]]:
    """What a shape's row holds, column by column."""
    return {
        "uid": [one.id for one in shapes],
        "label": [one.label_id for one in shapes],
        "kind": [one.kind.value for one in shapes],
        "packed": [pack(one.kind, one.geometry) for one in shapes],
        "source": [one.source.value for one in shapes],
        "score": [one.score for one in shapes],
        "attributes": [_ENCODE(one.attributes) for one in shapes],
        "is_occluded": [one.is_occluded for one in shapes],
        "is_truncated": [one.is_truncated for one in shapes],
        "group": [one.group for one in shapes],
        "layer": [one.layer for one in shapes],
        **{
            name: [float(one.bbox[side]) for one in shapes]
            for side, name in enumerate(("x1", "y1", "x2", "y2"))
        },
    }


def _check(
    image: Image, operations: Sequence[Operation], known: frozenset[int]
) -> None:
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


def _check_shape(image: Image, shape: Shape, known: frozenset[int]) -> None:
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


def logged(operation: Operation) -> dict[str, object]:
    """An operation as the log keeps it; nothing is copied, for it is written at once."""
    if isinstance(operation, Remove):
        return {"op": "remove", "id": operation.id}
    shape = operation.shape
    return {"op": "put", "shape": {name: getattr(shape, name) for name in _SAID}}
