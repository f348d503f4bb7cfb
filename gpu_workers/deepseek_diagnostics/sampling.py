"""The bootstrap that tools share: whole pictures, drawn again with replacement.

Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics, 1979.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.data import Floats


def drawn(case: Case, *, num: int = 200) -> Iterator[Floats]:
    """Yield how often each picture was drawn, the same for every tool of a report."""
    num_images = len(case.truth.images)
    rng = case.rng("bootstrap")
    for _turn in range(num):
        weights = rng.multinomial(num_images, np.full(num_images, 1 / num_images))
        yield weights.astype(np.float64)


def interval(values: Sequence[float] | Floats) -> tuple[float, float]:
    """The middle 95 % of what is a number."""
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
