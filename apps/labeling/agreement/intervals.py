"""95 % intervals by the bootstrap, over images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apps.labeling.agreement.alpha import Tally, alpha

if TYPE_CHECKING:
    from numpy import ndarray

NUM_RESAMPLES = 2000
SEED = 20_11  # the same data give the same interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes:
        low: As high as the value where one image alone stands behind it.
        num: Images behind it.
    """

    value: float
    low: float
    high: float
    num: int


def mean_of(values: Sequence[float]) -> Estimate | None:
    """The mean over images; None without any."""
    if not values:
        return None
    import numpy as np  # noqa: PLC0415 -- other pages of a web process do without it

    means = _weights(len(values)) @ np.asarray(values) / len(values)
    return _estimate(sum(values) / len(values), means, num=len(values))


def alpha_of(tallies: Sequence[Tally]) -> Estimate | None:
    """Alpha over images, each with the tally of its units; None where undefined."""
    total = Tally(agreed=sum(one.agreed for one in tallies))
    for one in tallies:
        total.counts.update(one.counts)
    value = alpha(total)
    if value is None:
        return None
    import numpy as np  # noqa: PLC0415 -- other pages of a web process do without it

    values = list(total.counts)
    table = np.array([[one.counts[key] for key in values] for one in tallies], float)
    weights = _weights(len(tallies))
    counts = weights @ table
    agreed = weights @ np.array([one.agreed for one in tallies])
    num = counts.sum(axis=1)
    unlike = num**2 - (counts**2).sum(axis=1)
    is_defined = unlike > 0
    drawn = 1 - (num - 1)[is_defined] * (num - agreed)[is_defined] / unlike[is_defined]
    return _estimate(value, drawn, num=len(tallies))


def _weights(num: int) -> "ndarray":
    import numpy as np  # noqa: PLC0415 -- other pages of a web process do without it

    rng = np.random.default_rng(SEED)
    return rng.multinomial(num, np.full(num, 1 / num), size=NUM_RESAMPLES)


def _estimate(value: float, drawn: "ndarray", *, num: int) -> Estimate:
    import numpy as np  # noqa: PLC0415 -- other pages of a web process do without it

    low, high = np.percentile(drawn, [2.5, 97.5]) if len(drawn) else (value, value)
    return Estimate(value=value, low=float(low), high=float(high), num=num)
