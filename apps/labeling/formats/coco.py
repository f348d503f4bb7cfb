"""COCO object detection: https://cocodataset.org/#format-data."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from apps.labeling.models import Annotation, Image, Label


def export_coco(*, project_id: int, only_submitted: bool = False) -> Iterator[str]:
    """Yield a COCO file piece by piece, in memory for one image at a time.

    Annotation ids are 1, 2, 3, ... in a stable order; bbox is [x, y, width, height] in pixels.
    """
    labels = list(Label.objects.filter(project_id=project_id))
    category_of = {label.pk: number for number, label in enumerate(labels, start=1)}
    images = Image.objects.filter(project_id=project_id).order_by("pk")
    if only_submitted:
        images = images.filter(state="submitted")
    categories = [
        {"id": category_of[label.pk], "name": label.name, "supercategory": ""}
        for label in labels
    ]
    yield '{"info": {"description": "dsportal export", "version": "1.0"},\n'
    yield f'"licenses": [],\n"categories": {json.dumps(categories)},\n"images": [\n'
    yield from _joined(_image(image) for image in images.iterator(chunk_size=500))
    yield '\n],\n"annotations": [\n'
    rows = Annotation.objects.filter(image__in=images).order_by("image_id", "pk")
    yield from _joined(
        _annotation(number, row, category_of)
        for number, row in enumerate(rows.iterator(chunk_size=2000), start=1)
    )
    yield "\n]}\n"


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
    return {
        "id": number,
        "image_id": row.image_id,
        "category_id": category_of[row.label_id],
        "bbox": [row.x1, row.y1, width, height],
        "area": width * height,
        "iscrowd": 0,
        "attributes": {
            **row.attributes,
            "occluded": row.is_occluded,
            "truncated": row.is_truncated,
        },
    }
