"""Krippendorff's alpha for nominal values, by the coincidences of pairable values.

Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

NOTHING = 0  # the value of who drew no such object; no label has this id


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What some units add to alpha; tallies of more units are sums.

    Attributes:
        agreed: The diagonal of the matrix of coincidences.
        counts: How often each value occurs, of those that can be paired.
    """

    agreed: float = 0.0
    counts: Counter[Hashable] = field(default_factory=Counter)


def tally(units: Iterable[Sequence[Hashable]]) -> Tally:
    """Count values of units; one value alone of a unit cannot be paired."""
    agreed = 0.0
    counts: Counter[Hashable] = Counter()
    for unit in units:
        if len(unit) < 2:
            continue
        of_unit = Counter(unit)
        counts.update(of_unit)
        agreed += sum(n * (n - 1) for n in of_unit.values()) / (len(unit) - 1)
    return Tally(agreed=agreed, counts=counts)


def alpha(told: Tally) -> float | None:
    """1 for full agreement, 0 for what chance gives, below 0 for less.

    Returns:
        None where all values are the same, or none can be paired: nothing could have
        been confused.
    """
    num = told.counts.total()
    unlike = num**2 - sum(n**2 for n in told.counts.values())
    if unlike == 0:
        return None
    return 1 - (num - 1) * (num - told.agreed) / unlike
