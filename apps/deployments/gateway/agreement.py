"""Whether two versions say the same about one picture."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from apps.core.boxes import iou

LEAST_OVERLAP = 0.5
LEAST_F1 = 0.6


def agree(one: bytes, other: bytes) -> bool | None:
    """Compare two answers; None where they are not of a kind that can be compared."""
    try:
        first, second = json.loads(one), json.loads(other)
    except ValueError:
        return None
    if not isinstance(first, dict) or not isinstance(second, dict):
        return None
    if "detections" in first and "detections" in second:
        return f1(first["detections"], second["detections"]) >= LEAST_F1
    for kind in ("labels", "segments"):
        if kind in first and kind in second:
            return _names(first[kind])[:1] == _names(second[kind])[:1]
    return None


def f1(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]]
) -> float:
    """Share of the objects that both found: same label, boxes overlapping by half."""
    if not first and not second:
        return 1.0
    left = list(second)
    num_matched = 0
    for row in first:
        for other in left:
            is_same_label = row["label"] == other["label"]
            if is_same_label and iou(row["bbox"], other["bbox"]) >= LEAST_OVERLAP:
                left.remove(other)
                num_matched += 1
                break
    return 2 * num_matched / (len(first) + len(second))


def _names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(row["label"]) for row in rows]
