"""Datumaro's own JSON: a file a subset, labels by number."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import IO, Any
from uuid import UUID, uuid4

from django.utils.translation import gettext as _

from apps.labeling.errors import FormatError
from apps.labeling.formats.archive import Archive
from apps.labeling.formats.catalog import Catalog
from apps.labeling.formats.coco import segmentation_of
from apps.labeling.formats.geometry import mask_runs, outline, unpack
from apps.labeling.formats.items import Item, ItemLabel, ItemShape
from apps.labeling.formats.masks import from_image_runs, from_string, to_string
from apps.labeling.formats.shapes import box, inside, number, shape, tag
from apps.labeling.formats.writing import Out
from apps.labeling.types import ShapeKind

Row = dict[str, Any]
FLAGS = {"occluded", "truncated", "rotation", "score"}
PATHS = {
    "polygon": ShapeKind.POLYGON,
    "polyline": ShapeKind.POLYLINE,
    "points": ShapeKind.POINTS,
}
IMAGE = 2  # of Datumaro's kinds of media
CHUNK = 1 << 20


def write_datumaro(
    labels: Sequence[ItemLabel], items: Iterable[Item], out: Out
) -> None:
    """Write a file a subset; all but the first wait in temporary files meanwhile."""
    numbers = {label.name: at for at, label in enumerate(labels)}
    head = json.dumps(_categories(labels))
    with ExitStack() as stack:
        subsets: dict[str, IO[str]] = {}
        for item in items:
            name = item.split or "default"
            if name not in subsets:
                subsets[name] = stack.enter_context(
                    tempfile.TemporaryFile("w+", encoding="utf-8")
                )
            file = subsets[name]
            file.write((",\n" if file.tell() else "") + _item(item, numbers, out))
        for name, file in subsets.items():
            out.stream(f"annotations/{name}.json", _document(head, file))


def _document(head: str, items: IO[str]) -> Iterator[str]:
    yield f'{{"dm_format_version": "1.0", "media_type": {IMAGE}, "infos": {{}},\n'
    yield f'"categories": {head},\n"items": [\n'
    items.seek(0)
    while piece := items.read(CHUNK):
        yield piece
    yield "\n]}\n"


def _categories(labels: Sequence[ItemLabel]) -> Row:
    rows = [{"name": one.name, "parent": "", "attributes": []} for one in labels]
    joints = [
        {
            "label_id": at,
            "labels": one.skeleton["joints"],
            "joints": [[a + 1, b + 1] for a, b in one.skeleton.get("edges", [])],
        }
        for at, one in enumerate(labels)
        if one.skeleton
    ]
    said = {"labels": rows, "label_groups": [], "attributes": ["occluded"]}
    return {"label": said, **({"points": {"items": joints}} if joints else {})}


def _item(item: Item, numbers: dict[str, int], out: Out) -> str:
    groups: dict[UUID, int] = {}
    rows = []
    for at, one in enumerate(item.shapes, start=1):
        attributes = {**one.attributes, "occluded": one.is_occluded}
        if one.is_truncated:
            attributes["truncated"] = True
        if one.score is not None:
            attributes["score"] = one.score
        group = groups.setdefault(one.group, len(groups) + 1) if one.group else 0
        row = {"id": at, "attributes": attributes, "group": group}
        row |= {"label_id": numbers[one.label], "z_order": one.layer}
        rows.append(row | _geometry(one, item, attributes))
    name = PurePosixPath(item.name.replace("\\", "/"))
    return json.dumps(
        {
            "id": PurePosixPath(out.unique(name.name)).stem,
            "annotations": rows,
            "image": {"path": item.name, "size": [item.height, item.width]},
        }
    )


def _geometry(one: ItemShape, item: Item, attributes: Row) -> Row:
    """What is turned says so as an attribute, as CVAT's boxes in Datumaro do."""
    kind = one.kind
    if kind is ShapeKind.TAG:
        return {"type": "label"}
    if kind is ShapeKind.BOX:
        x1, y1, x2, y2 = one.bbox
        return {"type": "bbox", "bbox": [x1, y1, x2 - x1, y2 - y1]}
    if kind is ShapeKind.MASK:
        runs = mask_runs(one.packed, width=item.width, height=item.height)
        size = [item.height, item.width]
        return {"type": "mask", "rle": {"counts": to_string(runs), "size": size}}
    geometry: Row = unpack(kind, one.packed) or {}
    if kind is ShapeKind.ROTATED_BOX:
        (x, y), (width, height) = geometry["center"], geometry["size"]
        attributes["rotation"] = geometry["angle"] % 360
        return {"type": "bbox", "bbox": [x - width / 2, y - height / 2, width, height]}
    if kind is ShapeKind.ELLIPSE:
        (x, y), (rx, ry) = geometry["center"], geometry["radii"]
        attributes["rotation"] = geometry["angle"] % 360
        return {"type": "ellipse", "points": [x - rx, y - ry, x + rx, y + ry]}
    if kind is ShapeKind.SKELETON:
        points = _flat(geometry["points"])
        return {"type": "points", "points": points, "visibility": geometry["visible"]}
    if kind is ShapeKind.POLYGON:
        (ring,), _area = segmentation_of(one, item.width, item.height)
        return {"type": "polygon", "points": ring}
    points = _flat(outline(kind, one.packed)[0])
    more = {"visibility": [2] * (len(points) // 2)} if kind is ShapeKind.POINTS else {}
    return {"type": str(kind), "points": points, **more}


def _flat(ring: Iterable[Sequence[float]]) -> list[float]:
    return [value for point in ring for value in point]


def read_datumaro(
    archive: Archive, catalog: Catalog
) -> Iterator[tuple[Item, list[ItemShape]]]:
    """Yield the annotations of each item that the project has an image for."""
    for name in archive.some(".json"):
        content = archive.json(name)
        labels, skeletons = _labels(name, content)
        for at, row in enumerate(content["items"]):
            where = f"{name} item {row.get('id', at) if isinstance(row, dict) else at}"
            if not isinstance(row, dict) or not isinstance(
                row.get("annotations", []), list
            ):
                raise FormatError(_("{where}: it is no item").format(where=where))
            media = row.get("image") or row.get("media") or {}
            file = str(media.get("path") or row.get("id", ""))
            item = catalog.find(file)
            if item is not None:
                groups: dict[Any, UUID] = {}
                yield (
                    item,
                    [
                        inside(spot, one, item)
                        for said in row.get("annotations", [])
                        for spot in [f"{where} annotation {said.get('id')}"]
                        for one in [_shape(spot, said, item, labels, skeletons, groups)]
                        if one is not None
                    ],
                )


def _labels(name: str, content: Any) -> tuple[list[str], set[int]]:
    try:
        categories = content["categories"]
        labels = [str(row["name"]) for row in categories["label"]["labels"]]
        points = categories.get("points", {}).get("items", [])
        if not isinstance(content["items"], list):
            raise TypeError
        return labels, {int(row["label_id"]) for row in points}
    except (KeyError, TypeError, AttributeError, ValueError):
        raise FormatError(
            _("{name}: Datumaro has categories with labels, and items").format(
                name=name
            )
        ) from None


def _shape(
    where: str,
    row: Row,
    item: Item,
    labels: Sequence[str],
    skeletons: set[int],
    groups: dict[Any, UUID],
) -> ItemShape | None:
    """Return the shape; None for captions and what is not drawn on pictures."""
    form = row.get("type")
    if form not in {"label", "bbox", "mask", "ellipse", *PATHS}:
        return None
    label = row.get("label_id")
    if not isinstance(label, int) or not 0 <= label < len(labels):
        raise FormatError(
            _("{where}: no label has the number {label!r}").format(
                where=where, label=label
            )
        )
    said = row.get("attributes") or {}
    score, group = said.get("score"), row.get("group")
    more: Row = {
        "label": labels[label],
        "attributes": {key: value for key, value in said.items() if key not in FLAGS},
        "is_occluded": bool(said.get("occluded", False)),
        "is_truncated": bool(said.get("truncated", False)),
        "layer": int(number(where, row.get("z_order") or 0)),
        "score": None if score is None else number(where, score),
        "group": groups.setdefault(group, uuid4()) if group else None,
    }
    if form == "label":
        return tag(item.width, item.height, **more)
    if form == "mask":
        return _mask(where, row, item, more)
    angle = number(where, said.get("rotation", 0))
    if form in {"bbox", "ellipse"}:
        return _framed(where, row, angle, more)
    flat = row.get("points")
    if not isinstance(flat, list) or len(flat) % 2:
        raise FormatError(_("{where}: points are x, y, x, y, ...").format(where=where))
    points = [flat[at : at + 2] for at in range(0, len(flat), 2)]
    if form == "points" and label in skeletons:
        visible = row.get("visibility") or [2] * len(points)
        joints = {"points": points, "visible": visible}
        return shape(where, ShapeKind.SKELETON, joints, **more)
    return shape(where, PATHS[form], {"points": points}, **more)


def _framed(where: str, row: Row, angle: float, more: Row) -> ItemShape:
    is_box = row["type"] == "bbox"
    numbers = row.get("bbox" if is_box else "points")
    if not isinstance(numbers, list) or len(numbers) != 4:
        raise FormatError(
            _("{where}: a {form} has four numbers, got {numbers!r}").format(
                where=where, form=row["type"], numbers=numbers
            )
        )
    x, y, across, down = [number(where, value) for value in numbers]
    if not is_box:
        across, down = across - x, down - y
    elif angle % 360 == 0:
        return box(where, [x, y, x + across, y + down], **more)
    center = [x + across / 2, y + down / 2]
    if is_box:
        frame = {"center": center, "size": [across, down], "angle": angle}
        return shape(where, ShapeKind.ROTATED_BOX, frame, **more)
    frame = {"center": center, "radii": [across / 2, down / 2], "angle": angle}
    return shape(where, ShapeKind.ELLIPSE, frame, **more)


def _mask(where: str, row: Row, item: Item, more: Row) -> ItemShape:
    try:
        height, width = row["rle"]["size"]
        if (width, height) != (item.width, item.height):
            raise ValueError(
                f"its size is {width} x {height}, the image's {item.width} x {item.height}"
            )
        runs = from_string(str(row["rle"]["counts"]))
        packed = from_image_runs(runs, width=width, height=height)
    except (KeyError, TypeError, ValueError) as exc:
        raise FormatError(
            _("{where}: {reason}").format(where=where, reason=exc)
        ) from exc
    x, y, across, down = memoryview(packed[:16]).cast("i")
    bbox = (float(x), float(y), float(x + across), float(y + down))
    return ItemShape(kind=ShapeKind.MASK, bbox=bbox, packed=packed, **more)
