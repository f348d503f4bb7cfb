"""COCO average precision of masks, of boxes too, picture by picture."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from faster_coco_eval import (  # type: ignore[import-untyped]
    COCO,
    COCOeval_faster,
)
from faster_coco_eval.core import mask as codec  # type: ignore[import-untyped]

from deepseek_vision.data.coco import CocoSet
from deepseek_vision.errors import DatasetError
from deepseek_vision.images import Picture, read_picture
from deepseek_vision.metrics import quiet
from deepseek_vision.segmentation.instances.grid import Bits
from deepseek_vision.segmentation.packing import draw_polygons, draw_segmentation
from deepseek_vision.segmentation.semantic.packing import read_truth

MOST_OBJECTS = 400  # that count of a picture; microscope pictures hold hundreds


class Answered:
    """What a model says of one object: class number, score and mask."""

    __slots__ = ("mask", "number", "score")

    def __init__(self, number: int, score: float, mask: Bits) -> None:
        self.number, self.score, self.mask = number, score, mask


Ask = Callable[[Picture], Sequence[Answered]]


def measure_masks(
    ask: Ask, folder: Path, *, classes: tuple[str, ...], split: str = "val"
) -> dict[str, float]:
    """AP over IoU .50 to .95, at .50 and at .75, of masks and of the boxes around them.

    Raises:
        DatasetError: the set cannot be read, has no outline, or none of the classes.
        ImageError: a picture cannot be read.
    """
    coco = read_truth(folder, split=split, classes=classes)
    truth = _truth(coco)
    if not any("segmentation" in one for one in truth["annotations"]):
        raise DatasetError(f"{folder}: no polygon in any image of {split!r}")
    results: list[dict[str, Any]] = []
    for image in coco.images:
        picture = read_picture(coco.folder / image["file_name"])
        results += [
            {
                "image_id": image["id"],
                "category_id": one.number,
                "score": one.score,
                "segmentation": _packed(one.mask),
            }
            for one in ask(picture)
            if one.mask.any()
        ]
    return {
        f"{kind}_{name}": value
        for kind, given in (("mask", "segm"), ("box", "bbox"))
        for name, value in _precision(truth, results, given).items()
    }


def _truth(coco: CocoSet) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for image in coco.images:
        size = image["width"], image["height"]
        for item in coco.objects.get(image["id"], []):
            mask = draw_segmentation(item.get("segmentation"), size)
            is_ignored = bool(item.get("iscrowd") or mask is None)
            if mask is None:
                x, y, width, height = item["bbox"]
                ring = [x, y, x + width, y, x + width, y + height, x, y + height]
                mask = draw_polygons([ring], size)
            if not mask.any():
                continue
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": coco.class_of[item["category_id"]],
                    "bbox": item["bbox"],
                    "area": int(np.count_nonzero(mask)),
                    "iscrowd": int(is_ignored),
                    "segmentation": _packed(mask),
                }
            )
    return {
        "images": [{k: i[k] for k in ("id", "width", "height")} for i in coco.images],
        "annotations": annotations,
        "categories": [{"id": n, "name": name} for n, name in enumerate(coco.classes)],
    }


def _packed(mask: Bits) -> Any:
    return codec.encode(np.asfortranarray(mask.astype(np.uint8)))


def _precision(
    truth: dict[str, Any], results: list[dict[str, Any]], kind: str
) -> dict[str, float]:
    if not results:
        return {"AP": 0.0, "AP50": 0.0, "AP75": 0.0}
    with quiet():
        gold = COCO(truth)
        # It writes into the rows that it is given.
        found = gold.loadRes([dict(row) for row in results])
        run = COCOeval_faster(gold, found, kind)
        run.params.maxDets = [1, 10, MOST_OBJECTS]
        run.evaluate()
        run.accumulate()
    at_TRKAM = np.asarray(run.eval["precision"])
    at_TRK = at_TRKAM[:, :, :, 0, -1]

    def mean(values: Any) -> float:
        known = values[values > -1]
        return round(float(known.mean()), 4) if known.size else 0.0

    return {"AP": mean(at_TRK), "AP50": mean(at_TRK[0]), "AP75": mean(at_TRK[5])}
