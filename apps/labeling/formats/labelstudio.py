"""Label Studio's JSON: a task an image, coordinates in per cent of its size."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext as _

from apps.core.images import DAMAGED
from apps.labeling.errors import FormatError
from apps.labeling.formats.archive import Archive
from apps.labeling.formats.bitmaps import opacity_of, open_png, pack_band
from apps.labeling.formats.brush import read_brush, write_brush
from apps.labeling.formats.catalog import Catalog
from apps.labeling.formats.geometry import Ring, bounds, outline, unpack
from apps.labeling.formats.items import Item, ItemLabel, ItemShape
from apps.labeling.formats.shapes import box, inside, number, shape, tag
from apps.labeling.formats.writing import Out
from apps.labeling.types import ShapeKind

Row = dict[str, Any]
CONTROLS = {
    "rectanglelabels": "box",
    "ellipselabels": "ellipse",
    "polygonlabels": "polygon",
    "keypointlabels": "point",
    "brushlabels": "mask",
    "bitmasklabels": "bitmask",
    "choices": "tag",
}


def write_labelstudio(
    _labels: Sequence[ItemLabel], items: Iterable[Item], out: Out
) -> None:
    out.stream("tasks.json", _tasks(items, out))


def _tasks(items: Iterable[Item], out: Out) -> Iterator[str]:
    yield "["
    for at, item in enumerate(items):
        results = []
        for one in item.shapes:
            found = _result(one, item)
            out.num_left_out += not found
            results += found
        task = {
            "data": {"image": item.name},
            "annotations": [{"result": results}],
        }
        yield (",\n" if at else "\n") + json.dumps(task)
    yield "\n]\n"


def _result(one: ItemShape, item: Item) -> list[Row]:
    """One region, or a region a point; nothing where Label Studio has no such shape."""
    control, values = _value(one, item)
    return [
        {
            "id": str(one.id) if one.id and len(values) == 1 else f"{one.id}-{at}",
            "type": control,
            "from_name": CONTROLS[control],
            "to_name": "image",
            "original_width": item.width,
            "original_height": item.height,
            "image_rotation": 0,
            **({} if one.score is None else {"score": one.score}),
            "value": {**value, control: [one.label]},
        }
        for at, value in enumerate(values)
    ]


def _value(one: ItemShape, item: Item) -> tuple[str, list[Row]]:
    across, down = 100 / item.width, 100 / item.height
    if one.kind is ShapeKind.BOX:
        x1, y1, x2, y2 = one.bbox
        corner = {"x": x1 * across, "y": y1 * down, "rotation": 0}
        size = {"width": (x2 - x1) * across, "height": (y2 - y1) * down}
        return "rectanglelabels", [corner | size]
    if one.kind is ShapeKind.ROTATED_BOX:
        frame = unpack(one.kind, one.packed) or {}
        (x, y), *_rest = outline(one.kind, one.packed)[0]
        width, height = frame["size"]
        turned = {"x": x * across, "y": y * down, "rotation": frame["angle"] % 360}
        size = {"width": width * across, "height": height * down}
        return "rectanglelabels", [turned | size]
    if one.kind is ShapeKind.ELLIPSE:
        frame = unpack(one.kind, one.packed) or {}
        (x, y), (rx, ry) = frame["center"], frame["radii"]
        centre = {"x": x * across, "y": y * down, "rotation": frame["angle"] % 360}
        return "ellipselabels", [
            centre | {"radiusX": rx * across, "radiusY": ry * down}
        ]
    if one.kind is ShapeKind.POLYGON:
        points = [[x * across, y * down] for x, y in outline(one.kind, one.packed)[0]]
        return "polygonlabels", [{"points": points, "closed": True}]
    if one.kind is ShapeKind.POINTS:
        ring = outline(one.kind, one.packed)[0]
        return "keypointlabels", [
            {"x": x * across, "y": y * down, "width": 0.5} for x, y in ring
        ]
    if one.kind is ShapeKind.MASK:
        rle = write_brush(one.packed, width=item.width, height=item.height)
        return "brushlabels", [{"format": "rle", "rle": rle}]
    return "choices", [{}] if one.kind is ShapeKind.TAG else []


def read_labelstudio(
    archive: Archive, catalog: Catalog
) -> Iterator[tuple[Item, list[ItemShape]]]:
    """Yield the annotations of each task that the project has an image for."""
    for name in archive.some(".json"):
        for at, task in enumerate(_parse(archive, name)):
            where = f"{name} task {task.get('id', at + 1)}"
            item = catalog.find(_image_of(where, task))
            if item is None:
                continue
            rows = [row for one in task.get("annotations", []) for row in one["result"]]
            shapes = [
                _shape(f"{where}, region {row.get('id')}", row, item) for row in rows
            ]
            yield item, [inside(where, one, item) for one in shapes if one]


def _parse(archive: Archive, name: str) -> list[Row]:
    content = archive.json(name)
    is_list = isinstance(content, list) and all(
        isinstance(row, dict) and isinstance(row.get("data"), dict) for row in content
    )
    if not is_list:
        raise FormatError(
            _("{name}: Label Studio's export is a list of tasks with data").format(
                name=name
            )
        )
    return list(content)


def _image_of(where: str, task: Row) -> str:
    """The name of a task's image: of its file, or of its address."""
    data = task["data"]
    value = data.get("image") or next(
        (one for one in data.values() if isinstance(one, str) and "." in one), ""
    )
    if not isinstance(value, str) or not value:
        raise FormatError(_("{where}: its data names no image").format(where=where))
    name = unquote(PurePosixPath(urlsplit(value).path).name)
    # An upload is stored as eight hexadecimal digits, a dash, and its name.
    prefix, dash, rest = name.partition("-")
    is_stored = dash and len(prefix) == 8 and set(prefix) <= set("0123456789abcdef")
    return rest if is_stored and "/data/upload/" in value else name


def _shape(where: str, row: Row, item: Item) -> ItemShape | None:
    """Return the shape of a region; None for relations, texts and the like."""
    control = row.get("type")
    if control not in CONTROLS:
        return None
    value = row.get("value")
    names = value.get(control) if isinstance(value, dict) else None
    if not isinstance(value, dict) or not names:
        return None
    score = row.get("score")
    more = {
        "label": str(names[0]),
        "score": None if score is None else number(where, score),
    }
    if control == "choices":
        return tag(item.width, item.height, **more)
    if control in MASKS:
        return _mask(where, MASKS[control], value, item, more)
    if control == "polygonlabels":
        points: Ring = [
            [_scaled(where, x, item.width), _scaled(where, y, item.height)]
            for x, y in value.get("points", [])
        ]
        return shape(where, ShapeKind.POLYGON, {"points": points}, **more)
    x = _scaled(where, value.get("x"), item.width)
    y = _scaled(where, value.get("y"), item.height)
    if control == "keypointlabels":
        return shape(where, ShapeKind.POINTS, {"points": [[x, y]]}, **more)
    angle = number(where, value.get("rotation", 0))
    if control == "ellipselabels":
        radii = [
            _scaled(where, value.get("radiusX"), item.width),
            _scaled(where, value.get("radiusY"), item.height),
        ]
        frame = {"center": [x, y], "radii": radii, "angle": angle}
        return shape(where, ShapeKind.ELLIPSE, frame, **more)
    width = _scaled(where, value.get("width"), item.width)
    height = _scaled(where, value.get("height"), item.height)
    return _rectangle(where, (x, y, width, height), angle, more)


def _mask(
    where: str, read: Callable[[Row, Item], bytes | None], value: Row, item: Item,
    more: Row,
) -> ItemShape | None:  # fmt: skip
    """Return a region's mask; None where all of it was rubbed out."""
    try:
        packed = read(value, item)
    except DAMAGED as exc:
        raise FormatError(
            _("{where}: {reason}").format(where=where, reason=exc)
        ) from exc
    if packed is None:
        return None
    kind = ShapeKind.MASK
    return ItemShape(kind=kind, bbox=bounds(kind, packed), packed=packed, **more)


def _of_brush(value: Row, item: Item) -> bytes | None:
    rle = value.get("rle")
    if not isinstance(rle, list):
        raise TypeError("its rle is no list of bytes")
    return read_brush(bytes(rle), width=item.width, height=item.height)


def _of_bitmask(value: Row, item: Item) -> bytes | None:
    """What is not transparent in a PNG of the image's size."""
    scheme, _comma, encoded = str(value.get("imageDataURL")).partition(",")
    if scheme != "data:image/png;base64":
        raise ValueError("its imageDataURL is no PNG in base64")
    size = (item.width, item.height)
    with open_png(encoded, largest=size) as picture:
        if picture.size != size:
            raise ValueError(f"its mask is {picture.width} x {picture.height}")
        opacity = opacity_of(picture)
    return pack_band(opacity) if opacity.getbbox() else None


MASKS: dict[str, Callable[[Row, Item], bytes | None]] = {
    "brushlabels": _of_brush,
    "bitmasklabels": _of_bitmask,
}


def _rectangle(
    where: str, frame: tuple[float, float, float, float], angle: float, more: Row
) -> ItemShape:
    """Label Studio turns a rectangle about its upper left corner."""
    x, y, width, height = frame
    if angle % 360 == 0:
        return box(where, [x, y, x + width, y + height], **more)
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    center = [
        x + width / 2 * cos - height / 2 * sin,
        y + width / 2 * sin + height / 2 * cos,
    ]
    geometry = {"center": center, "size": [width, height], "angle": angle}
    return shape(where, ShapeKind.ROTATED_BOX, geometry, **more)


def _scaled(where: str, value: object, whole: int) -> float:
    return number(where, value) * whole / 100
