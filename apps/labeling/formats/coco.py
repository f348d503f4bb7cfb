"""COCO object detection: https://cocodataset.org/#format-data."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from apps.labeling.formats.geometry import Ring, mask_runs, outline, unpack
from apps.labeling.models import Annotation, Image, Label
from apps.labeling.types import ShapeKind

WITHOUT_AREA = frozenset(
    {
        ShapeKind.BOX,
        ShapeKind.POLYLINE,
        ShapeKind.POINTS,
        ShapeKind.SKELETON,
        ShapeKind.TAG,
    }
)


def export_coco(*, project_id: int, only_submitted: bool = False) -> Iterator[str]:
    """Yield a COCO file piece by piece, in memory for one image at a time.

    Annotation ids are 1, 2, 3, ... in a stable order; bbox is [x, y, width, height] in pixels.
    """
    labels = list(Label.objects.filter(project_id=project_id))
    category_of = {label.pk: number for number, label in enumerate(labels, start=1)}
    images = Image.objects.filter(project_id=project_id).order_by("pk")
    # What is uploaded meanwhile stays out of both lists.
    newest = images.values_list("pk", flat=True).last()
    images = images.filter(pk__lte=newest or 0)
    if only_submitted:
        images = images.filter(state="submitted")
    categories = [
        {
            "id": category_of[label.pk],
            "name": label.name,
            "supercategory": "",
            **_skeleton(label),
        }
        for label in labels
    ]
    yield '{"info": {"description": "dsportal export", "version": "1.0"},\n'
    yield f'"licenses": [],\n"categories": {json.dumps(categories)},\n"images": [\n'
    yield from _joined(_image(image) for image in images.iterator(chunk_size=500))
    yield '\n],\n"annotations": [\n'
    rows = (
        Annotation.objects.filter(image__in=images)
        .select_related("image")
        .order_by("image_id", "pk")
    )
    yield from _joined(
        _annotation(number, row, category_of)
        for number, row in enumerate(rows.iterator(chunk_size=2000), start=1)
    )
    yield "\n]}\n"


def _skeleton(label: Label) -> dict[str, Any]:
    """Joint names and edges as COCO has them; it counts joints from 1."""
    if not label.skeleton:
        return {}
    edges = [[a + 1, b + 1] for a, b in label.skeleton.get("edges", [])]
    return {"keypoints": label.skeleton["joints"], "skeleton": edges}


def _joined(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    separator = ""
    for row in rows:
        yield separator + json.dumps(row)
        separator = ",\n"


def _image(image: Image) -> dict[str, Any]:
    return {
        "id": image.pk,
        "file_name": image.name,
        "width": image.width,
        "height": image.height,
        "sha256": image.sha256,
    }


def _annotation(
    number: int, row: Annotation, category_of: dict[int, int]
) -> dict[str, Any]:
    width, height = row.x2 - row.x1, row.y2 - row.y1
    segmentation, area = _segmentation(row)
    return {
        "id": number,
        "image_id": row.image_id,
        "category_id": category_of[row.label_id],
        "bbox": [row.x1, row.y1, width, height],
        "area": width * height if area is None else area,
        "segmentation": segmentation,
        "iscrowd": 0,
        **_keypoints(row),
        "attributes": {
            **row.attributes,
            "occluded": row.is_occluded,
            "truncated": row.is_truncated,
            "kind": row.kind,
            **({"group": str(row.group)} if row.group else {}),
        },
    }


def _keypoints(row: Annotation) -> dict[str, Any]:
    if row.kind != ShapeKind.SKELETON:
        return {}
    joints = unpack(ShapeKind.SKELETON, bytes(row.packed)) or {}
    triples = [
        number
        for (x, y), visible in zip(joints["points"], joints["visible"], strict=True)
        for number in ((x, y, visible) if visible else (0, 0, 0))
    ]
    return {"keypoints": triples, "num_keypoints": sum(map(bool, joints["visible"]))}


def _segmentation(row: Annotation) -> tuple[list[Any] | dict[str, Any], float | None]:
    """Return what COCO says of an outline, and its area; None where the box says it.

    A polygon with holes becomes one ring that runs into each hole and back, since
    COCO's own rings only add up.
    """
    kind, packed = ShapeKind(row.kind), bytes(row.packed)
    if kind in WITHOUT_AREA:
        return [], None
    if kind is ShapeKind.MASK:
        size = [row.image.height, row.image.width]
        counts = mask_runs(packed, width=size[1], height=size[0])
        return {"size": size, "counts": counts}, float(sum(counts[1::2]))
    rings = outline(kind, packed)
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
