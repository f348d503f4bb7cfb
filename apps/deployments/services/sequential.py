"""Wald's sequential test: as few observations as a sure answer needs.

Looking at the counts after every request keeps the promised error rates, which a test
for a fixed number of requests does not.
"""

import math
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    GOOD = "good"
    BAD = "bad"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialTest:
    """Whether bad events happen at the rate ``fine`` or at the rate ``bad``.

    Attributes:
        fine: At this rate or below, BAD is said with probability ``risk`` at most.
        bad: At this rate or above, GOOD is said with probability ``risk`` at most.
    """

    fine: float
    bad: float
    risk: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.fine < self.bad < 1 or not 0 < self.risk < 0.5:
            raise ValueError(f"need 0 < fine < bad < 1, got {self.fine}, {self.bad}")

    def judge(self, *, num_bad: int, num: int) -> Verdict:
        """Judge so far; the same counts always give the same verdict."""
        log_ratio = num_bad * math.log(self.bad / self.fine) + (
            num - num_bad
        ) * math.log((1 - self.bad) / (1 - self.fine))
        limit = math.log((1 - self.risk) / self.risk)
        if log_ratio >= limit:
            return Verdict.BAD
        return Verdict.GOOD if log_ratio <= -limit else Verdict.OPEN
