"""Operations on many images at once: what imports and restores write."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    OuterRef,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils import timezone
from psycopg.sql import SQL, Identifier

from apps.labeling.formats.geometry import pack
from apps.labeling.models import Annotation, Image
from apps.labeling.services.saving import logged
from apps.labeling.types import ImageState, Operation, Put, Remove, Review, Shape

if TYPE_CHECKING:
    from apps.accounts.models import User

Row = tuple[Any, ...]
# In the order of _row.
_COLUMNS = (
    "image_id", "uid", "label_id", "kind", "packed", "source", "score", "attributes",
    "is_occluded", "is_truncated", "group", "layer", "x1", "y1", "x2", "y2",
    "created_by_id", "updated_by_id", "created_at", "updated_at",
)  # fmt: skip
# Of an annotation that is put anew.
_STAY = {"image_id", "uid", "created_by_id", "created_at"}
_LOG_COLUMNS = ("image_id", "revision", "key", "user_id", "operations", "at")
_encode = DjangoJSONEncoder(separators=(",", ":")).encode


def apply_in_bulk(
    *,
    user: "User",
    changes: Mapping[Image, Sequence[Operation]],
    present: Mapping[int, Container[UUID]],
) -> None:
    """Apply operations to images that the caller has locked, each as one revision.

    The caller has checked shapes and labels. Each image names an annotation once.

    Args:
        user: Who did it.
        changes: By image.
        present: By image, the ids of what is on it.
    """
    images = [image for image, operations in changes.items() if operations]
    _remove(changes)
    _put(user, {image.pk: changes[image] for image in images}, present)
    _note(images)
    at = timezone.now().isoformat()
    _copy(
        "labeling_operationlog",
        _LOG_COLUMNS,
        (
            (
                image.pk,
                image.revision,
                str(uuid4()),
                user.pk,
                _encode([logged(operation) for operation in changes[image]]),
                at,
            )
            for image in images
        ),
    )


def _put(
    user: "User",
    changes: Mapping[int, Sequence[Operation]],
    present: Mapping[int, Container[UUID]],
) -> None:
    """Write annotations past an INSERT's values: their quoting costs more than they."""
    at = timezone.now().isoformat()
    new: list[Row] = []
    changed: list[Row] = []
    for image_id, operations in changes.items():
        there = present.get(image_id, ())
        for operation in operations:
            if isinstance(operation, Put):
                row = _row(image_id, operation.shape, user.pk, at)
                (changed if operation.shape.id in there else new).append(row)
    _copy("labeling_annotation", _COLUMNS, new)
    if changed:
        _change(changed)


def _row(image_id: int, shape: Shape, user_id: int, at: str) -> Row:
    """What saving writes, as COPY takes it."""
    return (
        image_id,
        shape.id,
        shape.label_id,
        shape.kind.value,
        pack(shape.kind, shape.geometry),
        shape.source.value,
        shape.score,
        _encode(shape.attributes) if shape.attributes else "{}",
        shape.is_occluded,
        shape.is_truncated,
        shape.group,
        shape.layer,
        *shape.bbox,
        user_id,
        user_id,
        at,
        at,
    )


def _copy(table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    into = SQL("COPY {} ({}) FROM STDIN").format(Identifier(table), _names(columns))
    with connection.cursor() as cursor, cursor.copy(into) as out:
        for row in rows:
            out.write_row(row)


def _names(columns: Sequence[str]) -> Any:
    return SQL(", ").join(map(Identifier, columns))


def _change(rows: Sequence[Row]) -> None:
    kept = SQL(", ").join(
        SQL("{name} = p.{name}").format(name=Identifier(name))
        for name in _COLUMNS
        if name not in _STAY
    )
    names = _names(_COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute(
            SQL(
                "CREATE TEMPORARY TABLE IF NOT EXISTS labeling_put ON COMMIT DROP AS "
                "SELECT {} FROM labeling_annotation WITH NO DATA"
            ).format(names)
        )
        _copy("labeling_put", _COLUMNS, rows)
        cursor.execute(
            SQL(
                "UPDATE labeling_annotation a SET {kept} FROM labeling_put p "
                "WHERE a.image_id = p.image_id AND a.uid = p.uid"
            ).format(kept=kept)
        )
        cursor.execute("TRUNCATE labeling_put")


def _remove(changes: Mapping[Image, Sequence[Operation]]) -> None:
    gone: dict[int, set[UUID]] = {}
    for image, operations in changes.items():
        uids = {one.id for one in operations if isinstance(one, Remove)}
        if uids:
            gone[image.pk] = uids
    known = Annotation.objects.filter(image__in=gone).values_list(
        "pk", "image_id", "uid"
    )
    keys = [pk for pk, image_id, uid in known if uid in gone[image_id]]
    Annotation.objects.filter(pk__in=keys).delete()


def _note(images: Sequence[Image]) -> None:
    """Count anew what is on the images, in one statement, and begin a revision."""
    on_it = Annotation.objects.filter(image=OuterRef("pk")).order_by()
    counted = on_it.values("image").annotate(num=Count("*")).values("num")
    Image.documents.filter(pk__in=[image.pk for image in images]).update(
        revision=F("revision") + 1,
        num_annotations=Coalesce(Subquery(counted), 0),
        state=Case(
            When(
                Exists(on_it),
                state=ImageState.UNLABELED,
                then=Value(ImageState.IN_PROGRESS),
            ),
            default=F("state"),
        ),
        review=Case(
            When(review=Review.ACCEPTED, then=Value(Review.OPEN)), default=F("review")
        ),
    )
    for image in images:
        image.revision += 1
