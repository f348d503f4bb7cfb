"""What is said of repositories, and what is promised to who says it."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

# The first answer of somebody who publishes there comes within this time.
PROMISE = timedelta(hours=72)
GOAL_PERCENT = 98


class State(StrEnum):
    """How a thread stands; answering an open one makes it answered."""

    OPEN = "open"
    ANSWERED = "answered"
    PLANNED = "planned"
    DONE = "done"


class Change(StrEnum):
    """What somebody changed of a thread, said between the words."""

    STATE = "state"
    ASSIGNEE = "assignee"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How a month's threads were answered.

    Attributes:
        month: Its first day.
        num_due: Threads of that month that have been answered, or are late; at least 1.
        num_kept: Those of them that were answered in time.
    """

    month: date
    num_due: int
    num_kept: int

    @property
    def percent(self) -> float:
        return 100 * self.num_kept / self.num_due
