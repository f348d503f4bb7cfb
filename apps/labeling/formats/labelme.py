"""LabelMe: a JSON file an image, beside it."""

import base64
import binascii
import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID, uuid4

from django.utils.translation import gettext as _
from PIL import Image as Picture

from apps.core.images import DAMAGED
from apps.labeling.errors import FormatError
from apps.labeling.formats.archive import Archive
from apps.labeling.formats.bitmaps import open_png, pack_band
from apps.labeling.formats.catalog import Catalog
from apps.labeling.formats.geometry import Ring, outline, unpack
from apps.labeling.formats.items import Item, ItemLabel, ItemShape
from apps.labeling.formats.shapes import box, inside, number, shape, tag
from apps.labeling.formats.writing import Out
from apps.labeling.types import ShapeKind

Row = dict[str, Any]
VERSION = "5.4.1"
PATHS = {
    "polygon": ShapeKind.POLYGON,
    "linestrip": ShapeKind.POLYLINE,
    "line": ShapeKind.POLYLINE,
    "points": ShapeKind.POINTS,
    "point": ShapeKind.POINTS,
}


def write_labelme(
    _labels: Sequence[ItemLabel], items: Iterable[Item], out: Out
) -> None:
    """Write an image's shapes; what is turned or round becomes a polygon."""
    for item in items:
        name = out.unique(PurePosixPath(item.name.replace("\\", "/")).name)
        groups: dict[UUID, int] = {}
        tags = [one.label for one in item.shapes if one.kind is ShapeKind.TAG]
        drawn = [one for one in item.shapes if one.kind is not ShapeKind.TAG]
        rows = [_row(one, groups) for one in drawn]
        out.num_left_out += rows.count(None)
        content = {
            "version": VERSION,
            "flags": dict.fromkeys(tags, True),
            "shapes": [row for row in rows if row is not None],
            "imagePath": item.name,
            "imageData": None,
            "imageHeight": item.height,
            "imageWidth": item.width,
        }
        text = json.dumps(content, ensure_ascii=False, indent=1)
        out.write(f"{PurePosixPath(name).stem}.json", text)


def _row(one: ItemShape, groups: dict[UUID, int]) -> Row | None:
    drawn = _drawn(one)
    if drawn is None:
        return None
    form, points, mask = drawn
    return {
        "label": one.label,
        "points": points,
        "group_id": groups.setdefault(one.group, len(groups)) if one.group else None,
        "description": "",
        "shape_type": form,
        "flags": {},
        "mask": mask,
    }


def _drawn(one: ItemShape) -> tuple[str, Ring, str | None] | None:
    kind = one.kind
    if kind is ShapeKind.SKELETON:
        return None
    if kind is ShapeKind.BOX:
        x1, y1, x2, y2 = one.bbox
        return "rectangle", [[x1, y1], [x2, y2]], None
    if kind is ShapeKind.MASK:
        return _mask_row(one)
    ring = outline(kind, one.packed)[0]
    if kind is ShapeKind.POLYLINE:
        return "linestrip", ring, None
    if kind is ShapeKind.POINTS:
        return "point" if len(ring) == 1 else "points", ring, None
    return "polygon", ring, None


def _mask_row(one: ItemShape) -> tuple[str, Ring, str]:
    """LabelMe's masks are a picture of their rectangle, whose last pixel it names."""
    geometry = unpack(one.kind, one.packed) or {}
    (x, y), (width, height) = geometry["origin"], geometry["size"]
    cells = b"".join(
        bytes([255 * (at % 2)]) * num for at, num in enumerate(geometry["counts"])
    )
    turned = Picture.frombytes("L", (height, width), cells)
    file = io.BytesIO()
    turned.transpose(Picture.Transpose.TRANSPOSE).convert("1").save(file, "PNG")
    corners: Ring = [[x, y], [x + width - 1, y + height - 1]]
    return "mask", corners, base64.b64encode(file.getvalue()).decode()


def read_labelme(
    archive: Archive, catalog: Catalog
) -> Iterator[tuple[Item, list[ItemShape]]]:
    """Yield what each file says of an image that the project has."""
    for name in archive.some(".json"):
        content = archive.json(name)
        if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
            raise FormatError(
                _("{name}: LabelMe has a list of shapes").format(name=name)
            )
        path = str(content.get("imagePath") or "").replace("\\", "/")
        item = catalog.find(path or PurePosixPath(name).name)
        if item is None:
            continue
        flags = content.get("flags") or {}
        shapes = [
            tag(item.width, item.height, label=str(label))
            for label, is_set in flags.items()
            if is_set is True
        ]
        groups: dict[Any, UUID] = {}
        for at, row in enumerate(content["shapes"], start=1):
            where = f"{name} shape {at}"
            shapes.append(inside(where, _shape(where, row, item, groups), item))
        yield item, shapes


def _shape(where: str, row: Any, item: Item, groups: dict[Any, UUID]) -> ItemShape:
    if not isinstance(row, dict) or not row.get("label"):
        raise FormatError(_("{where}: it has no label").format(where=where))
    points = _points(where, row.get("points"))
    group = row.get("group_id")
    more: Row = {
        "label": str(row["label"]),
        "group": None if group is None else groups.setdefault(group, uuid4()),
    }
    form = row.get("shape_type") or "polygon"
    if form in PATHS:
        return shape(where, PATHS[form], {"points": points}, **more)
    if len(points) < 2:
        raise FormatError(_("{where}: it needs two points").format(where=where))
    (ax, ay), (bx, by) = points[0], points[1]
    if form == "rectangle":
        # Four corners in files of LabelMe 5.6 and after, two before.
        xs, ys = [x for x, _y in points], [y for _x, y in points]
        return box(where, [min(xs), min(ys), max(xs), max(ys)], **more)
    if form == "circle":
        radius = math.hypot(bx - ax, by - ay)
        circle = {"center": [ax, ay], "radii": [radius, radius], "angle": 0}
        return shape(where, ShapeKind.ELLIPSE, circle, **more)
    if form == "mask":
        return _mask(where, row.get("mask"), (int(ax), int(ay)), item, more)
    raise FormatError(
        _("{where}: shapes of the type {form!r} are not taken").format(
            where=where, form=form
        )
    )


def _points(where: str, given: Any) -> Ring:
    is_ring = isinstance(given, list) and all(
        isinstance(point, list) and len(point) == 2 for point in given
    )
    if not is_ring:
        raise FormatError(_("{where}: points are [x, y] pairs").format(where=where))
    return [[number(where, x), number(where, y)] for x, y in given]


def _mask(
    where: str, encoded: Any, corner: tuple[int, int], item: Item, more: Row
) -> ItemShape:
    try:
        largest = (item.width, item.height)
        with open_png(str(encoded), largest=largest) as picture:
            packed = pack_band(picture.convert("L"), corner=corner)
    except (binascii.Error, *DAMAGED) as exc:
        raise FormatError(
            _("{where}: its mask cannot be read: {reason}").format(
                where=where, reason=exc
            )
        ) from exc
    left, top, across, down = memoryview(packed[:16]).cast("i")
    bbox = (float(left), float(top), float(left + across), float(top + down))
    return ItemShape(kind=ShapeKind.MASK, bbox=bbox, packed=packed, **more)
