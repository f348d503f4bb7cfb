"""Whether two versions say the same about one picture."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

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
            if row["label"] == other["label"] and _iou(row, other) >= LEAST_OVERLAP:
                left.remove(other)
                num_matched += 1
                break
    return 2 * num_matched / (len(first) + len(second))


def _iou(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    a, b = one["bbox"], other["bbox"]
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    inside = wide * high
    areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    return float(inside / (sum(areas) - inside))


def _names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(row["label"]) for row in rows]
