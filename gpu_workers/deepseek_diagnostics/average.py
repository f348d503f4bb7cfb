# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""Average precision exactly as the COCO evaluation defines it, fast to resample.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014. Matching is done
once; precision under another weight of each picture, as the bootstrap needs it
(Efron, 1979), is then two cumulative sums.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepseek_diagnostics.data import (
    Boxes,
    Floats,
    Ints,
    Truth,
    area,
    iou,
    share_inside,
)

IOUS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
AREAS = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The boxes of one class, best first, against what was labeled.

    Attributes:
        image_D: Index of the box's picture.
        hits_TD: Whether it hits an object at each of the IoU thresholds.
        ignored_TD: Whether it counts for nothing.
        rows_D: Its row among the boxes.
        objects_TD: The row of the object that it hits, or -1.
        num_I: Objects to find in each picture.
    """

    image_D: Ints
    scores_D: Floats
    hits_TD: NDArray[np.bool_]
    ignored_TD: NDArray[np.bool_]
    rows_D: Ints
    objects_TD: Ints
    num_I: Floats


def judge(
    truth: Truth,
    found: Boxes,
    *,
    sides: tuple[float, float] = AREAS["all"],
    most: int = MOST,
    ious: Floats = IOUS,
) -> list[Judged]:
    """Match boxes to objects, class by class.

    Args:
        truth: What was labeled.
        found: What the model says.
        sides: Least and most area of the objects that count.
        most: Boxes of a class and picture that count, the best ones.
        ious: Thresholds.
    """
    sizes = area(truth.boxes_N4)
    ignored_N = truth.ignored_N | (sizes < sides[0]) | (sizes > sides[1])
    return [
        _judge_class(truth, found, number, ignored_N, sides, most, ious)
        for number in range(len(truth.classes))
    ]


def _judge_class(  # noqa: PLR0913 -- one step of the loop above
    truth: Truth,
    found: Boxes,
    number: int,
    ignored_N: NDArray[np.bool_],
    sides: tuple[float, float],
    most: int,
    ious: Floats,
) -> Judged:
    objects = np.flatnonzero(truth.classes_N == number)
    rows = np.flatnonzero(found.classes_M == number)
    num_images = len(truth.images)
    rows = _best(rows, found, most)
    hits = np.zeros((len(ious), len(rows)), np.bool_)
    ignored = np.zeros_like(hits)
    matched = np.full(hits.shape, -1, np.int64)
    of_image = _by_image(truth.image_N[objects], num_images)
    for image, span in _spans(found.image_M[rows]):
        here = objects[of_image[image]]
        if not len(here):
            continue
        here = here[np.argsort(ignored_N[here], kind="stable")]
        boxes_D4 = found.boxes_M4[rows[span]]
        overlap_DG = iou(boxes_D4, truth.boxes_N4[here])
        crowd_G = truth.ignored_N[here]
        if crowd_G.any():
            inside = share_inside(boxes_D4, truth.boxes_N4[here[crowd_G]])
            overlap_DG[:, crowd_G] = inside
        at = _greedy(overlap_DG, ignored_N[here], crowd_G, ious)
        is_hit = at >= 0
        matched[:, span] = np.where(is_hit, here[at], -1)
        ignored[:, span] = is_hit & ignored_N[here][at]
        hits[:, span] = is_hit & ~ignored[:, span]
    sizes_D = area(found.boxes_M4[rows])
    is_outside = (sizes_D < sides[0]) | (sizes_D > sides[1])
    ignored |= (matched < 0) & is_outside
    order = np.argsort(-found.scores_M[rows], kind="stable")
    wanted = objects[~ignored_N[objects]]
    return Judged(
        image_D=found.image_M[rows][order],
        scores_D=found.scores_M[rows][order],
        hits_TD=hits[:, order],
        ignored_TD=ignored[:, order],
        rows_D=rows[order],
        objects_TD=matched[:, order],
        num_I=np.bincount(truth.image_N[wanted], minlength=num_images).astype(float),
    )


def _best(rows: Ints, found: Boxes, most: int) -> Ints:
    """By picture and falling score, at most ``most`` of a picture."""
    order = np.lexsort((-found.scores_M[rows], found.image_M[rows]))
    rows = rows[order]
    kept = [span[:most] for _, span in _spans(found.image_M[rows])]
    return rows[np.concatenate(kept)] if kept else rows


def _spans(image_D: Ints) -> list[tuple[int, Ints]]:
    """Rows of each picture, of a list sorted by picture."""
    if not len(image_D):
        return []
    starts = np.flatnonzero(np.r_[True, np.diff(image_D) != 0])
    ends = np.r_[starts[1:], len(image_D)]
    return [
        (int(image_D[a]), np.arange(a, b)) for a, b in zip(starts, ends, strict=True)
    ]


def _by_image(image_N: Ints, num_images: int) -> list[Ints]:
    order = np.argsort(image_N, kind="stable")
    counts = np.bincount(image_N, minlength=num_images)
    return np.split(order, np.cumsum(counts)[:-1])


def _greedy(
    overlap_DG: Floats,
    ignored_G: NDArray[np.bool_],
    crowd_G: NDArray[np.bool_],
    ious: Floats,
) -> Ints:
    """The column each row takes at each threshold, or -1; rows come best first.

    A row takes the best free object that counts, else the best that does not; a crowd
    is never used up. Of equals the last is taken, as COCO does.
    """
    num_rows, num_columns = overlap_DG.shape
    least = np.minimum(ious, 1 - 1e-10)
    taken_TD = np.full((len(ious), num_rows), -1, np.int64)
    is_free_TG = np.ones((len(ious), num_columns), np.bool_)
    last = num_columns - 1
    for row in np.flatnonzero(overlap_DG.max(axis=1) >= least[0]):
        overlap_G = overlap_DG[row]
        may_TG = (overlap_G[None, :] >= least[:, None]) & (is_free_TG | crowd_G)
        counts_TG = may_TG & ~ignored_G
        may_TG = np.where(counts_TG.any(axis=1, keepdims=True), counts_TG, may_TG)
        value_TG = np.where(may_TG, overlap_G[None, :], -1.0)
        column_T = last - np.argmax(value_TG[:, ::-1], axis=1)
        at = np.flatnonzero(may_TG.any(axis=1))
        taken_TD[at, row] = column_T[at]
        is_free_TG[at, column_T[at]] = False
    return taken_TD


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Precision at 101 recalls for each threshold; NaN without an object."""

    precision_TR: Floats
    scores_TR: Floats

    @property
    def ap_of_thresholds(self) -> Floats:
        return np.asarray(self.precision_TR.mean(axis=1), np.float64)


def curve(judged: Judged, weights_I: Floats | None = None) -> Curve:
    """Interpolated precision of one class.

    Args:
        judged: The class.
        weights_I: How often each picture counts; None is once.
    """
    shape = (judged.hits_TD.shape[0], len(RECALLS))
    weights_D = np.ones(len(judged.image_D))
    num = judged.num_I.sum()
    if weights_I is not None:
        weights_D = weights_I[judged.image_D]
        num = (judged.num_I * weights_I).sum()
    precision, scores = np.zeros(shape), np.zeros(shape)
    if num == 0:
        precision.fill(np.nan)
        return Curve(precision_TR=precision, scores_TR=scores)
    counts_TD = ~judged.ignored_TD * weights_D
    right = np.cumsum(judged.hits_TD * counts_TD, axis=1)
    wrong = np.cumsum(~judged.hits_TD * counts_TD, axis=1)
    recall_TD = right / num
    precision_TD = right / (right + wrong + np.spacing(1))
    envelope = np.maximum.accumulate(precision_TD[:, ::-1], axis=1)[:, ::-1]
    for row, recalls in enumerate(recall_TD):
        at = np.searchsorted(recalls, RECALLS, side="left")
        is_reached = at < len(recalls)
        precision[row, is_reached] = envelope[row, at[is_reached]]
        scores[row, is_reached] = judged.scores_D[at[is_reached]]
    return Curve(precision_TR=precision, scores_TR=scores)


def mean_ap(
    judged: Sequence[Judged], weights_I: Floats | None = None
) -> tuple[float, float, float, Floats]:
    """AP over all thresholds, at .50, at .75, and AP of each class; NaN for none."""
    per_class_KT = np.array([curve(one, weights_I).ap_of_thresholds for one in judged])
    known = ~np.isnan(per_class_KT[:, 0])
    if not known.any():
        nan = float("nan")
        return nan, nan, nan, per_class_KT.mean(axis=1)
    mean_T = per_class_KT[known].mean(axis=0)
    at_75 = min(5, len(mean_T) - 1)
    return (
        float(mean_T.mean()),
        float(mean_T[0]),
        float(mean_T[at_75]),
        per_class_KT.mean(axis=1),
    )
