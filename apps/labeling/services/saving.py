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
from apps.labeling.models import Annotation, Image, Label, OperationLog
from apps.labeling.selectors.access import check_shown
from apps.labeling.services import verdicts
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


# Functions of the database, whose plans are made once for each of its connections.
_FIND = "SELECT * FROM labeling_find_image(%s, %s, %s)"
_SAVE = "SELECT labeling_save(%s, %s, %s, %s, %s, %s::uuid[], %s::int[], %s, %s, %s)"
_FOUND = (
    "id", "width", "height", "state", "revision",
    "copy_of_id", "num_people", "is_truth", "assignee_id",
)  # fmt: skip
_SAID = [field.name for field in fields(Shape)]
_ENCODE = DjangoJSONEncoder(separators=(",", ":")).encode


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
        BadOperationError: An unknown label, a kind of shape that it does not have, or
            a box that is not one; nothing applied.
    """
    found = _find(user, image_id, key)
    image = found.image
    operations = [_measured(image, operation) for operation in operations]
    said = _ENCODE([logged(operation) for operation in operations])
    if found.was_applied or image.revision != revision:
        return _before(found, seen=revision, key=key, said=said)
    _check(image, operations, found.kinds_of)
    if not _apply(image, user, operations, key=key, said=said):
        found = _find(user, image_id, key)  # somebody was faster, maybe with this batch
        return _before(found, seen=revision, key=key, said=said)
    return revision + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """An image, and what a batch is checked against.

    Attributes:
        kinds_of: The labels of its project, and how each may be drawn; empty for any.
        was_applied: This batch came before, or another under its key.
    """

    image: Image
    kinds_of: dict[int, list[str]]
    was_applied: bool


def _find(user: "User", image_id: int, key: str) -> _Found:
    """Give the image to who may draw on it, by the rules of ``access_image``."""
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [image_id, user.pk, key])
        *columns, role, kinds_of, was_applied = cursor.fetchone()
    if role is None:
        raise NotFoundError(_("image not found"))
    image = Image.from_db(connection.alias, _FOUND, columns)
    role = Role(role)
    check_role(role, Role.ANNOTATOR)
    check_shown(image, user, role)
    known = {
        int(label_id): kinds for label_id, kinds in json.loads(kinds_of or "{}").items()
    }
    return _Found(image=image, kinds_of=known, was_applied=was_applied)


def _before(found: _Found, *, seen: int, key: str, said: str) -> int:
    """Answer a batch that came before as then.

    Raises:
        RevisionConflictError: It did not; somebody else's came.
        KeyReusedError: The key named another batch.
    """
    if found.was_applied:
        before = OperationLog.objects.get(image=found.image, key=key)
        if before.operations != json.loads(said):
            raise KeyReusedError
        return before.revision
    raise RevisionConflictError(
        _(
            "the image is at revision {revision}, you saw {seen}: read it again and merge"
        ).format(revision=found.image.revision, seen=seen),
        revision=found.image.revision,
    )


def _apply(
    image: Image, user: "User", operations: Sequence[Operation], *, key: str, said: str
) -> bool:
    """Write a batch, and what it says of proposals; see ``_write``."""
    if not verdicts.are_told(operations):
        return _write(image, user, operations, key=key, said=said)
    with transaction.atomic():
        is_written = _write(image, user, operations, key=key, said=said)
        if is_written:
            verdicts.follow(image=image, user=user, operations=operations)
    return is_written


def _write(
    image: Image, user: "User", operations: Sequence[Operation], *, key: str, said: str
) -> bool:
    """Take the image to its next revision, with all that a batch says, at once.

    Returns:
        Whether it was at the revision that was seen; else nothing was done.
    """
    now = timezone.now()
    last = {_uid(row): place for place, row in enumerate(operations)}
    put = {
        place: row.shape
        for place in last.values()
        if isinstance(row := operations[place], Put)
    }
    written: list[Any] = [
        image.pk, image.revision, user.pk, key, said,
        [uid for uid, place in last.items() if place not in put],
        list(put),
        [pack(shape.kind, shape.geometry) for shape in put.values()],
        now, now + HELD_FOR,
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_SAVE, written)
        (is_written,) = cursor.fetchone()
    return bool(is_written)


def _uid(operation: Operation) -> UUID:
    return operation.shape.id if isinstance(operation, Put) else operation.id


def _check(
    image: Image, operations: Sequence[Operation], kinds_of: dict[int, list[str]]
) -> None:
    for operation in operations:
        if isinstance(operation, Put):
            _check_shape(image, operation.shape, kinds_of)


def _measured(image: Image, operation: Operation) -> Operation:
    """Give a shape that is not a box the bounding box of its geometry, a tag all."""
    if not isinstance(operation, Put) or operation.shape.kind is ShapeKind.BOX:
        return operation
    shape = operation.shape
    if shape.kind is ShapeKind.TAG:
        return Put(shape=replace(shape, bbox=(0, 0, image.width, image.height)))
    bbox = bounds(shape.kind, pack(shape.kind, shape.geometry))
    return Put(shape=replace(shape, bbox=bbox))


def _check_shape(image: Image, shape: Shape, kinds_of: dict[int, list[str]]) -> None:
    kinds = kinds_of.get(shape.label_id)
    if kinds is None:
        raise BadOperationError(
            _(
                "label {label_id} is not of this project (any more): choose another"
            ).format(label_id=shape.label_id),
            annotation=str(shape.id),
        )
    if kinds and shape.kind not in kinds and not _was_so(image, shape):
        raise BadOperationError(
            _("{label} may be drawn as {kinds}, not as {kind}").format(
                label=Label.objects.get(pk=shape.label_id).name,
                kinds=", ".join(kinds),
                kind=shape.kind,
            ),
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


def _was_so(image: Image, shape: Shape) -> bool:
    """What was drawn before its label said how may be moved on, and say more."""
    same = Annotation.objects.filter(image=image, uid=shape.id, kind=shape.kind)
    return same.filter(label_id=shape.label_id).exists()


def logged(operation: Operation) -> dict[str, object]:
    """An operation as the log keeps it; nothing is copied, for it is written at once."""
    if isinstance(operation, Remove):
        return {"op": "remove", "id": operation.id}
    shape = operation.shape
    return {"op": "put", "shape": {name: getattr(shape, name) for name in _SAID}}
