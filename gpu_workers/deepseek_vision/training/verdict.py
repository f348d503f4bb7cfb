"""How good the finished model is, in more than one number: `evaluation.json`."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_vision.boxes import iou_matrix
from deepseek_vision.data.coco import CocoSet
from deepseek_vision.metrics import as_truth, precision_recall

FILE = "evaluation.json"
_LEAST_IOU = 0.5


def write_verdict(
    out: Path,
    coco: CocoSet,
    results: list[dict[str, Any]],
    *,
    metrics: dict[str, float],
    score_threshold: float,
) -> None:
    """Write metrics, the confusion of classes, and a precision-recall curve a class."""
    truth = as_truth(coco)
    verdict = {
        "classes": coco.classes,
        "num_images": len(coco.images),
        "num_objects": len(truth["annotations"]),
        "metrics": metrics,
        "score_threshold": score_threshold,
        "iou_threshold": _LEAST_IOU,
        "confusion": confusion(
            truth, results, num=len(coco.classes), score_threshold=score_threshold
        ),
        "curves": precision_recall(truth, results),
    }
    (out / FILE).write_text(json.dumps(verdict) + "\n", encoding="utf-8")


def confusion(
    truth: dict[str, Any],
    results: list[dict[str, Any]],
    *,
    num: int,
    score_threshold: float,
) -> list[list[int]]:
    """Rows are what is there, columns what was said; the last of each is "nothing".

    The surest answer takes the object that it overlaps most, of whatever class.
    """
    table = np.zeros((num + 1, num + 1), int)
    real = [one for one in truth["annotations"] if not one["iscrowd"]]
    sure = [one for one in results if one["score"] >= score_threshold]
    all_there, all_said = _by_image(real), _by_image(sure)
    for image in truth["images"]:
        there, said = all_there[image["id"]], all_said[image["id"]]
        said.sort(key=lambda one: -one["score"])
        overlap = iou_matrix(_corners(said), _corners(there))
        is_open = np.ones(len(there), bool)
        for row, one in enumerate(said):
            shares = np.where(is_open, overlap[row], 0.0)
            best = int(shares.argmax()) if len(there) else -1
            if best >= 0 and shares[best] >= _LEAST_IOU:
                is_open[best] = False
                table[there[best]["category_id"], one["category_id"]] += 1
            else:
                table[num, one["category_id"]] += 1
        for index in np.flatnonzero(is_open):
            table[there[index]["category_id"], num] += 1
    counts: list[list[int]] = table.tolist()
    return counts


def _by_image(rows: list[dict[str, Any]]) -> defaultdict[int, list[dict[str, Any]]]:
    found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for one in rows:
        found[one["image_id"]].append(one)
    return found


def _corners(rows: list[dict[str, Any]]) -> np.ndarray:
    xywh = np.array([one["bbox"] for one in rows], np.float32).reshape(-1, 4)
    return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
