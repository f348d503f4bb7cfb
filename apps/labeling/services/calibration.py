"""How often a model is right at a score, from what people said of its proposals."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from apps.labeling.models import Verdict

# A made-up verdict every so often, at its face value: before people have said anything,
# a score is believed as it stands, and a few verdicts do not overturn it.
PRIOR_SCORES = tuple(step / 20 for step in range(1, 20, 2))
MOST_VERDICTS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Score against the share that is right; rising, to be read between its points.

    Attributes:
        num_verdicts: How many proposals people have judged.
        points: Score and share, by rising score.
    """

    num_verdicts: int
    points: list[tuple[float, float]]


def calibrate(*, project_id: int) -> Calibration:
    rows = (
        Verdict.objects.filter(image__project_id=project_id)
        .order_by("-pk")
        .values_list("score", "is_right")[:MOST_VERDICTS]
    )
    verdicts = [(score, float(is_right)) for score, is_right in rows]
    prior = [(score, score) for score in PRIOR_SCORES]
    return Calibration(num_verdicts=len(verdicts), points=fit_rising(verdicts + prior))


def fit_rising(samples: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Least squares under the rule that y never falls as x grows (isotonic regression).

    Neighbours that break the rule are pooled until none does.

    Returns:
        The middle x and the y of each pool.
    """
    pools: list[tuple[int, float, float]] = []  # how many, sum of x, sum of y
    for x, same in groupby(sorted(samples), key=itemgetter(0)):
        ys_here = [y for _x, y in same]
        pools.append((len(ys_here), x * len(ys_here), sum(ys_here)))
        while len(pools) > 1 and _mean_y(pools[-2]) >= _mean_y(pools[-1]):
            (n, xs, ys), (m, xt, yt) = pools.pop(), pools.pop()
            pools.append((n + m, xs + xt, ys + yt))
    return [(round(xs / n, 4), round(ys / n, 4)) for n, xs, ys in pools]


def _mean_y(pool: tuple[int, float, float]) -> float:
    return pool[2] / pool[0]
