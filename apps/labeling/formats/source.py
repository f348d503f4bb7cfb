"""Where exports come from: a project as it is, or a frozen version of it."""

from collections.abc import Iterator, Sequence

from django.db import connection

from apps.labeling.formats.frozen import CONTENT_SQL, unfreeze
from apps.labeling.formats.items import Item, ItemLabel
from apps.labeling.models import DatasetVersion, Label
from apps.labeling.types import DONE_STATES, ImageState

CHUNK = 500
VERSION_SQL = """
  SELECT f.id, f.sha256, f.name, f.width, f.height, f.shapes, f.extras, v.split
  FROM labeling_versionimage v JOIN labeling_frozenimage f ON f.id = v.image_id
  WHERE v.version_id = %s AND (%s::bigint[] IS NULL OR v.image_id = ANY(%s))
  ORDER BY v.image_id
"""


def states(*, only_submitted: bool) -> list[str]:
    return sorted(DONE_STATES if only_submitted else ImageState)


def project_items(*, project_id: int, only_submitted: bool) -> Iterator[Item]:
    """Yield a project's images in upload order, all as of the moment of the first."""
    names = dict(Label.objects.filter(project_id=project_id).values_list("pk", "name"))
    given: dict[str, int | list[str]] = {
        "project_id": project_id,
        "states": states(only_submitted=only_submitted),
    }
    with connection.chunked_cursor() as cursor:
        cursor.execute(f"{CONTENT_SQL} ORDER BY i.id", given)
        while rows := cursor.fetchmany(CHUNK):
            for row in rows:
                pk, sha256, name, width, height, _state, split, shapes, extras, _n = row
                yield Item(
                    id=pk,
                    sha256=sha256,
                    name=name,
                    width=width,
                    height=height,
                    split=split,
                    shapes=unfreeze(bytes(shapes), extras, names),
                )


def version_items(
    version: DatasetVersion, *, image_ids: Sequence[int] | None = None
) -> Iterator[Item]:
    """Yield a version's images with their splits, in the order of their rows.

    ``image_ids`` takes these of them alone.
    """
    only = None if image_ids is None else list(image_ids)
    names = {row["id"]: row["name"] for row in version.taxonomy}
    with connection.chunked_cursor() as cursor:
        cursor.execute(VERSION_SQL, [version.pk, only, only])
        while rows := cursor.fetchmany(CHUNK):
            for pk, sha256, name, width, height, shapes, extras, split in rows:
                yield Item(
                    id=pk,
                    sha256=sha256,
                    name=name,
                    width=width,
                    height=height,
                    split=split,
                    shapes=unfreeze(bytes(shapes), extras, names),
                )


def project_labels(project_id: int) -> list[ItemLabel]:
    return [
        ItemLabel(name=row.name, color=row.color, skeleton=row.skeleton)
        for row in Label.objects.filter(project_id=project_id)
    ]


def version_labels(version: DatasetVersion) -> list[ItemLabel]:
    return [
        ItemLabel(name=row["name"], color=row["color"], skeleton=row["skeleton"])
        for row in version.taxonomy
    ]
