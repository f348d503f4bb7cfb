"""COCO average precision, by a well-kept evaluator."""

import contextlib
import io
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
from faster_coco_eval import (  # type: ignore[import-untyped]
    COCO,
    COCOeval_faster,
)

from deepseek_vision.data.coco import CocoSet
from deepseek_vision.runtime import Array

# Its progress notes would drown a run's own.
logging.getLogger("faster_coco_eval").setLevel(logging.WARNING)
_NUM_RECALLS = 101
_NAMES = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    # The evaluator prints; a child process speaks only events on that stream.
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def as_truth(coco: CocoSet) -> dict[str, Any]:
    """The objects to be found; difficult ones count neither as hits nor as misses."""
    annotations: list[dict[str, Any]] = []
    for image in coco.images:
        for item in coco.objects.get(image["id"], []):
            x, y, width, height = item["bbox"]
            is_ignored = bool(item.get("iscrowd") or item.get("difficult"))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": coco.class_of[item["category_id"]],
                    "bbox": [x, y, width, height],
                    "area": width * height,
                    "iscrowd": int(is_ignored),
                }
            )
    return {
        "images": [{k: i[k] for k in ("id", "width", "height")} for i in coco.images],
        "annotations": annotations,
        "categories": [{"id": n, "name": name} for n, name in enumerate(coco.classes)],
    }


def as_results(
    image_id: int, boxes_xyxy_N4: Array, scores_N: Array, classes_N: Any
) -> list[dict[str, Any]]:
    """Rows of COCO results for one picture, in original pixels."""
    sides = boxes_xyxy_N4[:, 2:] - boxes_xyxy_N4[:, :2]
    xywh = np.concatenate([boxes_xyxy_N4[:, :2], sides], axis=1)
    return [
        {"image_id": image_id, "category_id": c, "bbox": b, "score": s}
        for b, s, c in zip(
            xywh.astype(float).tolist(),
            scores_N.astype(float).tolist(),
            classes_N.tolist(),
            strict=True,
        )
    ]


def average_precision(
    truth: dict[str, Any], results: list[dict[str, Any]]
) -> dict[str, float]:
    """AP over IoU .50 to .95 and its usual companions, each in [0, 1].

    -1 where the truth holds no object of that kind; 0 without any result.
    """
    if not results:
        return dict.fromkeys(_NAMES, 0.0)
    run = _evaluated(truth, results)
    return {
        name: round(float(value), 5)
        for name, value in zip(_NAMES, run.stats[: len(_NAMES)], strict=True)
    }


def precision_recall(
    truth: dict[str, Any], results: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """A curve a class at IoU .50: precision and score at recalls 0, 0.01, ... 1.

    A class without any object has no curve, which is told by an AP50 of None.
    """
    names = [one["name"] for one in truth["categories"]]
    if results:
        run = _evaluated(truth, results)
        precision_RC = np.asarray(run.eval["precision"])[0, :, :, 0, -1]
        scores_RC = np.asarray(run.eval["scores"])[0, :, :, 0, -1]
    else:  # which the evaluator does not take
        wanted = {a["category_id"] for a in truth["annotations"] if not a["iscrowd"]}
        found_C = [0.0 if number in wanted else -1.0 for number in range(len(names))]
        precision_RC = scores_RC = np.tile(found_C, (_NUM_RECALLS, 1))
    return [
        _curve(name, precision_RC[:, column], scores_RC[:, column])
        for column, name in enumerate(names)
    ]


def _curve(name: str, precision_R: Any, scores_R: Any) -> dict[str, Any]:
    if (precision_R < 0).all():
        return {"class": name, "AP50": None, "precision": [], "scores": []}
    return {
        "class": name,
        "AP50": round(float(precision_R.mean()), 5),
        "precision": [round(float(value), 4) for value in precision_R],
        "scores": [round(float(value), 4) for value in scores_R],
    }


def _evaluated(truth: dict[str, Any], results: list[dict[str, Any]]) -> Any:
    with quiet():
        gold = COCO(truth)
        run = COCOeval_faster(gold, gold.loadRes(results), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return run
