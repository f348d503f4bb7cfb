"""The stages of a project's loop, from labels to a running model: each room tells its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from apps.accounts.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """How far a project is in one room.

    Attributes:
        icon: Name of the icon.
        title: The room.
        says: Where it stands, in a few words.
        action: What the link below reads.
        url: Where the link leads.
    """

    icon: str
    title: str
    says: str
    action: str
    url: str
    state: Literal["done", "now", "later"] = "later"


Teller = Callable[["User", int], Stage]

_tellers: dict[int, Teller] = {}


def tells_stage(place: int) -> Callable[[Teller], Teller]:
    """Mark what tells of a room's stage, at a place of the row.

    It stands among the room's selectors, which are loaded at the start.
    """

    def mark(teller: Teller) -> Teller:
        _tellers[place] = teller
        return teller

    return mark


def stages_of(*, user: "User", project_id: int) -> list[Stage]:
    """The stages after labeling, in order, of a project that the user may see."""
    return [teller(user, project_id) for _place, teller in sorted(_tellers.items())]
