"""Sorts detection errors into kinds and prices each (TIDE, Bolya et al., ECCV 2020)."""

from dataclasses import dataclass, field

import numpy as np

from deepseek_diagnostics.average import MOST, RECALLS
from deepseek_diagnostics.data import Boxes, Floats, Truth, iou, share_inside

FOREGROUND, BACKGROUND = 0.5, 0.1
KINDS = ("class", "location", "both", "duplicate", "background", "missed")


@dataclass(slots=True)
class Faults:
    """Every error by kind.

    Attributes:
        boxes: For each kind the rows of the boxes at fault.
        repaired: For a box with the wrong class or place the object it should hit,
            where it is the best one to do so, else -1.
        missed: Rows of objects that nothing could repair.
        hits: For each box whether it is right; ``ignored`` ones count for nothing.
    """

    hits: np.ndarray
    ignored: np.ndarray
    boxes: dict[str, list[int]] = field(
        default_factory=lambda: {kind: [] for kind in KINDS}
    )
    repaired: dict[int, int] = field(default_factory=dict)
    missed: list[int] = field(default_factory=list)


def find_faults(truth: Truth, found: Boxes) -> Faults:
    """Sort every box and every object that was not found into its kind."""
    faults = Faults(hits=np.zeros(len(found), bool), ignored=np.zeros(len(found), bool))
    best: dict[int, tuple[float, int]] = {}
    aims: dict[int, int] = {}
    for image in range(len(truth.images)):
        rows = np.flatnonzero(found.image_M == image)
        rows = rows[np.argsort(-found.scores_M[rows], kind="stable")][:MOST]
        objects = np.flatnonzero(truth.image_N == image)
        _sort_image(truth, found, rows, objects, faults, aims, best)
    for row, target in aims.items():
        faults.repaired[row] = target if best.get(target, (0, -1))[1] == row else -1
    return faults


def _sort_image(  # noqa: PLR0913 -- one step of the loop above
    truth: Truth,
    found: Boxes,
    rows: np.ndarray,
    objects: np.ndarray,
    faults: Faults,
    aims: dict[int, int],
    best: dict[int, tuple[float, int]],
) -> None:
    wanted = objects[~truth.ignored_N[objects]]
    overlap_DG = iou(found.boxes_M4[rows], truth.boxes_N4[wanted])
    same_DG = found.classes_M[rows][:, None] == truth.classes_N[wanted][None, :]
    used_by = _matched(overlap_DG * same_DG)
    taken = set(used_by.values())
    crowds = objects[truth.ignored_N[objects]]
    is_crowd_D = _on_crowd(truth, found, rows, crowds)
    for at, row in enumerate(rows.tolist()):
        if at in used_by:
            faults.hits[row] = True
        else:
            # Ignored boxes cost nothing, and yet may repair an object: as published.
            faults.ignored[row] = is_crowd_D[at]
            kind, column = _kind(overlap_DG[at], same_DG[at], taken)
            faults.boxes[kind].append(row)
            if column is not None:
                target = int(wanted[column])
                aims[row] = target
                is_free = column not in taken
                score = float(found.scores_M[row])
                if is_free and score > best.get(target, (-1.0, -1))[0]:
                    best[target] = (score, row)
    faults.missed += [
        int(row)
        for column, row in enumerate(wanted.tolist())
        if column not in taken and row not in best
    ]


def _matched(overlap_DG: Floats) -> dict[int, int]:
    """Rows, best first, take the object that they overlap most, if it is free."""
    left = np.where(overlap_DG >= FOREGROUND, overlap_DG, 0.0)
    used: dict[int, int] = {}
    if left.size:
        for at in range(len(left)):
            column = int(left[at].argmax())
            if left[at, column] >= FOREGROUND:
                used[at] = column
                left[:, column] = 0
    return used


def _on_crowd(
    truth: Truth, found: Boxes, rows: np.ndarray, crowds: np.ndarray
) -> np.ndarray:
    if not len(crowds):
        return np.zeros(len(rows), bool)
    inside = share_inside(found.boxes_M4[rows], truth.boxes_N4[crowds])
    same = found.classes_M[rows][:, None] == truth.classes_N[crowds][None, :]
    return np.asarray((inside * same >= FOREGROUND).any(axis=1))


def _kind(
    overlap_G: Floats, same_G: np.ndarray, taken: set[int]
) -> tuple[str, int | None]:
    """The kind of a wrong box, and the object that it should have hit."""
    if not len(overlap_G):
        return "background", None
    own, others = overlap_G * same_G, overlap_G * ~same_G
    if BACKGROUND <= own.max() <= FOREGROUND:
        return "location", int(own.argmax())
    if others.max() >= FOREGROUND:
        return "class", int(others.argmax())
    used = [own[column] for column in taken]
    if used and max(used) >= FOREGROUND:
        return "duplicate", None
    if overlap_G.max() <= BACKGROUND:
        return "background", None
    return "both", None


def costs_of(
    truth: Truth, found: Boxes, faults: Faults, weights_I: Floats | None = None
) -> dict[str, float]:
    """AP at IoU .5, and by how much it rises when each kind alone is repaired.

    ``weights_I`` says how often each picture counts; None is once.
    """
    weights_I = np.ones(len(truth.images)) if weights_I is None else weights_I
    weights = weights_I[found.image_M]
    of_object = weights_I[truth.image_N]
    counts = np.bincount(
        truth.classes_N, ~truth.ignored_N * of_object, len(truth.classes)
    ).astype(np.float64)
    kept = ~faults.ignored & (faults.hits | _at_fault(faults, len(found)))
    order = np.argsort(-found.scores_M, kind="stable")
    base = _mean(found.classes_M, faults.hits, weights * kept, counts, order)
    costs = {"AP50": base}
    for kind in KINDS:
        classes, hits, stays = found.classes_M.copy(), faults.hits.copy(), kept.copy()
        nums = counts.copy()
        for row in faults.boxes[kind]:
            target = faults.repaired.get(row, -1)
            if kind in {"class", "location"} and target >= 0:
                hits[row] = stays[row] = True
                classes[row] = truth.classes_N[target]
            else:
                stays[row] = False
        if kind == "missed":
            gone = np.array(faults.missed, np.int64)
            nums -= np.bincount(truth.classes_N[gone], of_object[gone], len(nums))
        costs[kind] = _mean(classes, hits, weights * stays, nums, order) - base
    return costs


def _at_fault(faults: Faults, num: int) -> np.ndarray:
    is_wrong = np.zeros(num, bool)
    for rows in faults.boxes.values():
        is_wrong[rows] = True
    return is_wrong


def _mean(
    classes: np.ndarray,
    hits: np.ndarray,
    weights: Floats,
    nums: Floats,
    order: np.ndarray,
) -> float:
    """Mean AP over the classes that have objects or boxes; ``order`` is best first."""
    values = []
    order = order[weights[order] > 0]
    of_class = classes[order]
    for number, num in enumerate(nums):
        rows = order[of_class == number]
        if num > 0:
            values.append(_ap(hits[rows], weights[rows], float(num)))
        elif len(rows):
            values.append(0.0)
    return float(np.mean(values)) if values else 0.0


def _ap(hits: np.ndarray, weights: Floats, num: float) -> float:
    right, wrong = np.cumsum(hits * weights), np.cumsum(~hits * weights)
    precision = right / np.maximum(right + wrong, 1e-12)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(right / num, RECALLS, side="left")
    return float(np.r_[envelope, 0.0][np.minimum(at, len(envelope))].mean())
