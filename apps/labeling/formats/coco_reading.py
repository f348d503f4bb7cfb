"""Reads COCO: boxes, polygons, runs and keypoints; ids may begin at 0."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from django.utils.translation import gettext as _

from apps.labeling.errors import FormatError
from apps.labeling.formats.archive import Archive
from apps.labeling.formats.catalog import Catalog
from apps.labeling.formats.coco import EXACT
from apps.labeling.formats.items import Item, ItemShape
from apps.labeling.formats.masks import from_image_runs, from_string
from apps.labeling.formats.shapes import box, inside, number, shape, tag, uid
from apps.labeling.types import ShapeKind

FLAGS = {"occluded", "truncated", "kind", "group", "id", "geometry"}
Row = dict[str, Any]


def read_coco(
    archive: Archive, catalog: Catalog
) -> Iterator[tuple[Item, list[ItemShape]]]:
    """Yield what each file says of images that the project has."""
    for name in archive.some(".json"):
        yield from _read(name, _parse(archive, name), catalog)


def _parse(archive: Archive, name: str) -> Row:
    content = archive.json(name)
    lists = {"images", "annotations", "categories"}
    if not isinstance(content, dict) or not lists <= content.keys():
        raise FormatError(
            _("{name}: COCO has images, annotations and categories").format(name=name)
        )
    for key in lists:
        if not isinstance(content[key], list):
            raise FormatError(_("{name}: {key} is no list").format(name=name, key=key))
    return content


def _read(
    name: str, content: Row, catalog: Catalog
) -> Iterator[tuple[Item, list[ItemShape]]]:
    labels = {row["id"]: str(row["name"]) for row in _rows(name, content, "categories")}
    images: dict[Any, Item | None] = {}
    for row in _rows(name, content, "images"):
        file = str(row.get("file_name", ""))
        images[row["id"]] = catalog.find(file, sha256=str(row.get("sha256", "")))
    found: dict[Any, list[ItemShape]] = {
        key: [] for key, item in images.items() if item
    }
    for number_of, row in enumerate(_rows(name, content, "annotations")):
        where = f"{name} annotation {row.get('id', number_of)}"
        if row.get("image_id") not in images:
            raise FormatError(
                _("{where}: no image has the id {id!r}").format(
                    where=where, id=row.get("image_id")
                )
            )
        if row.get("category_id") not in labels:
            raise FormatError(
                _("{where}: no category has the id {id!r}").format(
                    where=where, id=row.get("category_id")
                )
            )
        item = images[row["image_id"]]
        if item is not None:
            shapes = _shapes(where, row, labels[row["category_id"]], item)
            found[row["image_id"]] += [inside(where, one, item) for one in shapes]
    for key, shapes in found.items():
        yield images[key], shapes  # type: ignore[misc]  # only those that were found


def _rows(name: str, content: Row, key: str) -> Iterator[Row]:
    for at, row in enumerate(content[key]):
        if not isinstance(row, dict) or (key != "annotations" and "id" not in row):
            raise FormatError(
                _("{name}: {key}[{at}] has no id").format(name=name, key=key, at=at)
            )
        yield row


def _shapes(where: str, row: Row, label: str, item: Item) -> list[ItemShape]:
    said = row.get("attributes")
    said = said if isinstance(said, dict) else {}
    more: dict[str, Any] = {
        "label": label,
        "id": uid(said.get("id")),
        "attributes": {key: value for key, value in said.items() if key not in FLAGS},
        "is_occluded": bool(said.get("occluded", False)),
        "is_truncated": bool(said.get("truncated", False)),
        "score": None if row.get("score") is None else number(where, row["score"]),
        "group": uid(said.get("group")),
    }
    if said.get("kind") == ShapeKind.TAG:
        return [tag(item.width, item.height, **more)]
    if isinstance(said.get("geometry"), dict) and said.get("kind") in EXACT:
        return [shape(where, ShapeKind(said["kind"]), said["geometry"], **more)]
    if row.get("keypoints"):
        return [shape(where, ShapeKind.SKELETON, _joints(where, row), **more)]
    outline = row.get("segmentation")
    if outline and isinstance(outline, dict):
        return [_mask(where, outline, item, more)]
    if outline and isinstance(outline, list):
        return _polygons(where, outline, more)
    bbox = row.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise FormatError(
            _("{where}: bbox must be [x, y, width, height], got {bbox!r}").format(
                where=where, bbox=bbox
            )
        )
    x, y, width, height = [number(where, value) for value in bbox]
    return [box(where, [x, y, x + width, y + height], **more)]


def _joints(where: str, row: Row) -> Row:
    flat = row["keypoints"]
    if not isinstance(flat, list) or len(flat) % 3:
        raise FormatError(
            _("{where}: keypoints are triples x, y, visibility").format(where=where)
        )
    return {
        "points": [list(flat[at : at + 2]) for at in range(0, len(flat), 3)],
        "visible": flat[2::3],
    }


def _mask(where: str, outline: Row, item: Item, more: Row) -> ItemShape:
    try:
        height, width = outline["size"]
        counts = outline["counts"]
        runs = from_string(counts) if isinstance(counts, str) else list(counts)
        if (width, height) != (item.width, item.height):
            raise ValueError(
                f"its size is {width} x {height}, the image's {item.width} x {item.height}"
            )
        packed = from_image_runs(runs, width=width, height=height)
    except (KeyError, TypeError, ValueError) as exc:
        raise FormatError(
            _("{where}: {reason}").format(where=where, reason=exc)
        ) from exc
    x, y, across, down = memoryview(packed[:16]).cast("i")
    bbox = (float(x), float(y), float(x + across), float(y + down))
    return ItemShape(kind=ShapeKind.MASK, bbox=bbox, packed=packed, **more)


def _polygons(where: str, rings: list[Any], more: Row) -> list[ItemShape]:
    """One polygon a ring; several rings are one object and become a group."""
    if not all(isinstance(ring, list) and len(ring) % 2 == 0 for ring in rings):
        raise FormatError(
            _("{where}: segmentation is a list of rings x, y, x, y, ...").format(
                where=where
            )
        )
    if len(rings) > 1:
        more = {**more, "id": None, "group": more["group"] or uuid4()}
    return [
        shape(
            where,
            ShapeKind.POLYGON,
            {"points": [list(flat[at : at + 2]) for at in range(0, len(flat), 2)]},
            **more,
        )
        for flat in rings
    ]
