"""Groups of objects, and the test whether one fares worse than the rest."""

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from scipy.stats import norm

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.data import Floats, area

LEAST_OBJECTS = 20
NUM_CLUSTERS = 8
RATE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some objects: properties with the range of each, and how they fare."""

    parts: tuple[tuple[str, float, float], ...]
    rows: np.ndarray
    recall: float
    rest: float
    low: float
    high: float
    p: float


def found_objects(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Whether each object is hit by a box over the threshold; which objects count."""
    threshold = case.score_threshold
    is_found = np.zeros(len(case.truth), bool)
    for one in case.judged:
        hits = one.hits_TD[0] & (one.scores_D >= threshold)
        is_found[one.objects_TD[0][hits]] = True
    return is_found, ~case.truth.ignored_N


def properties(case: Case) -> dict[str, Floats]:
    """A number of each object for each property."""
    truth, seen = case.truth, case.seen
    boxes, image = truth.boxes_N4, truth.image_N
    width = np.array([row.width for row in truth.images], float)[image]
    height = np.array([row.height for row in truth.images], float)[image]
    sides = boxes[:, 2:] - boxes[:, :2]
    gaps = np.stack(
        [boxes[:, 0], boxes[:, 1], width - boxes[:, 2], height - boxes[:, 3]]
    )
    columns = {
        "size": np.sqrt(area(boxes)),
        "shape": sides[:, 0] / np.maximum(sides[:, 1], 1e-9),
        "edge": gaps.min(axis=0) / np.minimum(width, height),
        "crowding": np.bincount(image, minlength=len(truth.images))[image].astype(
            float
        ),
        "cluster": _clusters(case)[image],
    }
    for name in ("brightness", "contrast", "sharpness", "saturation"):
        columns[name] = seen.statistic(name)[image]
    return columns


def _clusters(case: Case) -> Floats:
    """The group of each picture: k-means over what the model sees in it (Lloyd, 1982)."""
    vectors = case.seen.vectors_ID
    vectors = (vectors - vectors.mean(axis=0)) / (vectors.std(axis=0) + 1e-9)
    num = min(NUM_CLUSTERS, max(1, len(vectors) // LEAST_OBJECTS))
    rng = case.rng("clusters")
    centres = vectors[rng.choice(len(vectors), num, replace=False)]
    groups = np.zeros(len(vectors), int)
    for _turn in range(25):
        gaps = ((vectors[:, None] - centres[None]) ** 2).sum(axis=2)
        groups = gaps.argmin(axis=1)
        for number in range(num):
            if (groups == number).any():
                centres[number] = vectors[groups == number].mean(axis=0)
    return groups.astype(float)


def candidates(
    case: Case, columns: dict[str, Floats], is_found: np.ndarray, kept: np.ndarray
) -> list[Slice]:
    """Every quarter of a property, and pairs of them, with enough objects."""
    ranges: list[tuple[str, float, float, np.ndarray]] = []
    for name, values in columns.items():
        for low, high in _ranges(name, values[kept]):
            ranges.append((name, low, high, (values >= low) & (values <= high) & kept))
    for number, label in enumerate(case.truth.classes):
        inside = (case.truth.classes_N == number) & kept
        ranges.append((label, 0.0, 0.0, inside))
    singles = [(one,) for one in ranges]
    pairs = [two for two in combinations(ranges, 2) if two[0][0] != two[1][0]]
    found = []
    for parts in [*singles, *pairs]:
        inside = np.logical_and.reduce([one[3] for one in parts])
        num = int(inside.sum())
        if LEAST_OBJECTS <= num <= kept.sum() - LEAST_OBJECTS:
            names = tuple((one[0], one[1], one[2]) for one in parts)
            found.append(_tested(case, names, inside, kept & ~inside, is_found))
    return found


def _ranges(name: str, values: Floats) -> list[tuple[float, float]]:
    if name == "cluster":
        return [(float(one), float(one)) for one in np.unique(values)]
    cuts = np.unique(np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
    return [(float(a), float(b)) for a, b in pairwise(cuts)]


def _tested(
    case: Case,
    parts: tuple[tuple[str, float, float], ...],
    inside: np.ndarray,
    outside: np.ndarray,
    is_found: np.ndarray,
) -> Slice:
    image = case.truth.image_N
    (a, var_a), (b, var_b) = (
        _ratio(image, some, is_found) for some in (inside, outside)
    )
    spread = var_a**0.5
    z = (a - b) / max(1e-9, (var_a + var_b) ** 0.5)
    return Slice(
        parts=parts, rows=np.flatnonzero(inside), recall=a, rest=b,
        low=max(0.0, a - 1.96 * spread), high=min(1.0, a + 1.96 * spread),
        p=float(norm.cdf(z)),
    )  # fmt: skip


def _ratio(
    image: np.ndarray, some: np.ndarray, is_found: np.ndarray
) -> tuple[float, float]:
    """Recall of some objects and its variance, where pictures are the sample."""
    nums = np.bincount(image[some])
    hits = np.bincount(image[some], is_found[some], len(nums))
    share = float(hits.sum() / nums.sum())
    # One success and one failure more keep the variance from being none.
    floor = (share * nums.sum() + 1) / (nums.sum() + 2)
    least = floor * (1 - floor) / nums.sum()
    clustered = float(((hits - share * nums) ** 2).sum() / nums.sum() ** 2)
    return share, max(clustered, least)


def significant(slices: list[Slice]) -> list[Slice]:
    """Those beyond chance, the most missed objects first, without near copies."""
    ordered = sorted(slices, key=lambda one: one.p)
    limit = 0
    for number, one in enumerate(ordered, start=1):
        if one.p <= RATE * number / len(ordered):
            limit = number
    chosen: list[Slice] = []
    for one in sorted(ordered[:limit], key=lambda s: (s.recall - s.rest) * len(s.rows)):
        taken = set(one.rows.tolist())
        if all(_alike(taken, other) < 0.6 for other in chosen):
            chosen.append(one)
    return chosen


def _alike(rows: set[int], other: Slice) -> float:
    shared = len(rows & set(other.rows.tolist()))
    return shared / min(len(rows), len(other.rows))
