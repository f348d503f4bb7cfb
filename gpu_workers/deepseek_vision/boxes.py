"""Box geometry for serving: numpy, xyxy, pixels; rows N, M, classes C."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def iou_matrix(a_xyxy_N4: Array, b_xyxy_M4: Array) -> Array:
    """Intersection over union of every pair; 0 where a union is empty."""
    low = np.maximum(a_xyxy_N4[:, None, :2], b_xyxy_M4[None, :, :2])
    high = np.minimum(a_xyxy_N4[:, None, 2:], b_xyxy_M4[None, :, 2:])
    inside = np.clip(high - low, 0, None).prod(axis=2)
    area_a = (a_xyxy_N4[:, 2:] - a_xyxy_N4[:, :2]).prod(axis=1)
    area_b = (b_xyxy_M4[:, 2:] - b_xyxy_M4[:, :2]).prod(axis=1)
    union = area_a[:, None] + area_b[None] - inside
    share: Array = np.divide(inside, union, out=np.zeros_like(inside), where=union > 0)
    return share


def suppress(
    boxes_xyxy_N4: Array,
    scores_N: Array,
    classes_N: NDArray[np.int64],
    *,
    iou_threshold: float,
    max_num: int,
) -> NDArray[np.int64]:
    """Greedy per-class suppression.

    Returns:
        Row numbers that stay, best score first; among equal scores the lower row
        wins, so the answer never depends on the sort used.
    """
    order = np.argsort(-scores_N, kind="stable")
    # Classes are moved apart so that one pass serves them all.
    span = float(boxes_xyxy_N4.max(initial=0)) - float(boxes_xyxy_N4.min(initial=0)) + 1
    apart = boxes_xyxy_N4 + (classes_N[:, None] * span).astype(np.float32)
    overlap = iou_matrix(apart[order], apart[order]) > iou_threshold
    alive = np.ones(len(order), bool)
    kept: list[int] = []
    for rank in range(len(order)):
        if not alive[rank]:
            continue
        kept.append(int(order[rank]))
        if len(kept) == max_num:
            break
        alive &= ~overlap[rank]
    return np.array(kept, np.int64)
