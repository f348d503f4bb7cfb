"""COCO object detection: https://cocodataset.org/#format-data."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from apps.labeling.formats.geometry import Ring, mask_runs, outline, unpack
from apps.labeling.formats.items import Item, ItemLabel, ItemShape
from apps.labeling.formats.writing import Out
from apps.labeling.types import ShapeKind

CHUNK = 1 << 20
_encode = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode
# Kinds that COCO has no form for, or only a coarser one: their own is added.
EXACT = frozenset(
    {
        ShapeKind.POLYLINE,
        ShapeKind.POINTS,
        ShapeKind.ELLIPSE,
        ShapeKind.ROTATED_BOX,
        ShapeKind.POLYGON,
    }
)
WITHOUT_AREA = frozenset(
    {
        ShapeKind.BOX,
        ShapeKind.POLYLINE,
        ShapeKind.POINTS,
        ShapeKind.SKELETON,
        ShapeKind.TAG,
    }
)


def write_coco(labels: Sequence[ItemLabel], items: Iterable[Item], out: Out) -> None:
    out.stream("annotations.json", coco_text(labels, items))


def coco_text(labels: Sequence[ItemLabel], items: Iterable[Item]) -> Iterator[str]:
    """Yield a COCO file piece by piece from one pass over the images.

    Annotations wait in a temporary file while the images are written. Their ids are
    1, 2, 3, ...; bbox is [x, y, width, height] in pixels.
    """
    category_of = {row.name: number for number, row in enumerate(labels, start=1)}
    categories = [
        {
            "id": category_of[row.name],
            "name": row.name,
            "supercategory": "",
            **_skeleton(row),
        }
        for row in labels
    ]
    yield '{"info": {"description": "dsportal export", "version": "1.0"},\n'
    yield f'"licenses": [],\n"categories": {json.dumps(categories)},\n"images": [\n'
    with tempfile.TemporaryFile("w+", encoding="utf-8") as waiting:
        num_annotations = 0
        for number, item in enumerate(items, start=1):
            image_id = item.id or number
            yield (",\n" if number > 1 else "") + _encode(_image(item, image_id))
            rows = [
                {"id": at, "image_id": image_id, **_annotation(one, item, category_of)}
                for at, one in enumerate(item.shapes, start=num_annotations + 1)
            ]
            if rows:
                text = _encode(rows)[1:-1]
                waiting.write(f",\n{text}" if num_annotations else text)
            num_annotations += len(rows)
        yield '\n],\n"annotations": [\n'
        waiting.seek(0)
        while piece := waiting.read(CHUNK):
            yield piece
    yield "\n]}\n"


def _skeleton(label: ItemLabel) -> dict[str, Any]:
    """Joint names and edges as COCO has them; it counts joints from 1."""
    if not label.skeleton:
        return {}
    edges = [[a + 1, b + 1] for a, b in label.skeleton.get("edges", [])]
    return {"keypoints": label.skeleton["joints"], "skeleton": edges}


def _image(item: Item, image_id: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": image_id,
        "file_name": item.name,
        "width": item.width,
        "height": item.height,
        "sha256": item.sha256,
    }
    return {**row, "split": item.split} if item.split else row


def _annotation(
    shape: ItemShape, item: Item, category_of: dict[str, int]
) -> dict[str, Any]:
    x1, y1, x2, y2 = shape.bbox
    width, height = x2 - x1, y2 - y1
    segmentation, area = segmentation_of(shape, item.width, item.height)
    joints = _keypoints(shape) if shape.kind is ShapeKind.SKELETON else {}
    return {
        "category_id": category_of[shape.label],
        "bbox": [x1, y1, width, height],
        "area": width * height if area is None else area,
        "segmentation": segmentation,
        "iscrowd": 0,
        **joints,
        "attributes": _attributes(shape),
    }


def _attributes(shape: ItemShape) -> dict[str, Any]:
    """Those that people set, and what COCO has no field for."""
    own = {
        **shape.attributes,
        "occluded": shape.is_occluded,
        "truncated": shape.is_truncated,
        "kind": shape.kind,
    }
    if shape.group:
        own["group"] = str(shape.group)
    if shape.id:
        own["id"] = str(shape.id)
    if shape.kind in EXACT:
        own |= _exact(shape)
    return own


def _exact(shape: ItemShape) -> dict[str, Any]:
    """The geometry itself, where the segmentation does not say it whole."""
    geometry = unpack(shape.kind, shape.packed) or {}
    is_plain = shape.kind is ShapeKind.POLYGON and not geometry["holes"]
    return {} if is_plain else {"geometry": geometry}


def _keypoints(shape: ItemShape) -> dict[str, Any]:
    joints = unpack(ShapeKind.SKELETON, shape.packed) or {}
    triples = [
        number
        for (x, y), visible in zip(joints["points"], joints["visible"], strict=True)
        for number in ((x, y, visible) if visible else (0, 0, 0))
    ]
    return {"keypoints": triples, "num_keypoints": sum(map(bool, joints["visible"]))}


def segmentation_of(
    shape: ItemShape, width: int, height: int
) -> tuple[list[Any] | dict[str, Any], float | None]:
    """Return what COCO says of an outline, and its area; None where the box says it.

    A polygon with holes becomes one ring that runs into each hole and back, since
    COCO's own rings only add up.
    """
    kind = shape.kind
    if kind in WITHOUT_AREA:
        return [], None
    if kind is ShapeKind.MASK:
        counts = mask_runs(shape.packed, width=width, height=height)
        runs = {"size": [height, width], "counts": counts}
        return runs, float(sum(counts[1::2]))
    rings = outline(kind, shape.packed)
    area = abs(_area(rings[0])) - sum(abs(_area(hole)) for hole in rings[1:])
    joined = rings[0]
    for hole in rings[1:]:
        is_same_way = (_area(hole) > 0) == (_area(rings[0]) > 0)
        inside = hole[::-1] if is_same_way else hole
        joined = [*joined, joined[0], *inside, inside[0], joined[0]]
    return [[part for point in joined for part in point]], area


def _area(ring: Ring) -> float:
    """Signed, by the shoelace formula."""
    following = [*ring[1:], ring[0]]
    pairs = zip(ring, following, strict=True)
    return sum(x * v - u * y for (x, y), (u, v) in pairs) / 2
