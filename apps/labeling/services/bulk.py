"""Operations on many images at once: what imports and restores write."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

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
from psycopg.types.json import Jsonb

from apps.labeling.models import Annotation, Image, OperationLog
from apps.labeling.services.saving import CHANGED_BY_A_PUT, logged, row_of
from apps.labeling.types import ImageState, Operation, Put, Remove, Review, Shape

if TYPE_CHECKING:
    from apps.accounts.models import User

_ALL = Annotation._meta.concrete_fields  # noqa: SLF001 -- Django's documented door
_FIELDS = [field for field in _ALL if not field.primary_key]


def apply_in_bulk(
    *, user: "User", changes: Mapping[Image, Sequence[Operation]]
) -> None:
    """Apply operations to images that the caller has locked, each as one revision.

    The caller has checked shapes and labels. Each image names an annotation once.
    """
    images = [image for image, operations in changes.items() if operations]
    _remove(changes)
    _put(
        _columns_of(image, user, operation.shape)
        for image in images
        for operation in changes[image]
        if isinstance(operation, Put)
    )
    _note(images)
    OperationLog.objects.bulk_create(
        OperationLog(
            image=image,
            revision=image.revision,
            key=str(uuid4()),
            user=user,
            operations=[logged(operation) for operation in changes[image]],
        )
        for image in images
    )


def _columns_of(image: Image, user: "User", shape: Shape) -> list[Any]:
    """What saving writes, as plain values in the order of _FIELDS."""
    row = row_of(image, user, shape)
    row.created_at = row.updated_at = timezone.now()
    values = [getattr(row, field.attname) for field in _FIELDS]
    return [_plain(value) for value in values]


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return Jsonb(value)
        case StrEnum():
            return str(value)
    return value


def _put(rows: Iterable[list[Any]]) -> None:
    """Write annotations past an INSERT's values: their quoting costs more than they."""
    names = SQL(", ").join(Identifier(str(field.column)) for field in _FIELDS)
    kept = SQL(", ").join(
        SQL("{name} = EXCLUDED.{name}").format(name=Identifier(str(field.column)))
        for field in _FIELDS
        if field.name in CHANGED_BY_A_PUT
    )
    with connection.cursor() as cursor:
        cursor.execute(
            SQL(
                "CREATE TEMPORARY TABLE IF NOT EXISTS labeling_put ON COMMIT DROP AS "
                "SELECT {} FROM labeling_annotation WITH NO DATA"
            ).format(names)
        )
        with cursor.copy(SQL("COPY labeling_put ({}) FROM STDIN").format(names)) as out:
            for row in rows:
                out.write_row(row)
        cursor.execute(
            SQL(
                "INSERT INTO labeling_annotation ({names}) SELECT {names} FROM labeling_put "
                "ON CONFLICT (image_id, uid) DO UPDATE SET {kept}"
            ).format(names=names, kept=kept)
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
