"""What still runs from a repository and keeps it after its deletion; each room above tells."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet

from apps.marketplace.models import Model, ModelRevision
from apps.marketplace.types import Pin

if TYPE_CHECKING:
    from apps.accounts.models import User

Teller = Callable[[QuerySet[Any, Any]], list[Pin]]
_tellers: list[Teller] = []


def pins_revisions(teller: Teller) -> Teller:
    """Mark what tells which of a room's things need the files of some revisions.

    It is given the revisions' ids as a query, stands among a room's selectors, which are
    loaded at the start, and tells of everybody's things.
    """
    _tellers.append(teller)
    return teller


def pins_of(model: Model) -> list[Pin]:
    """All that needs a repository's files, whoever it belongs to."""
    ids = ModelRevision.objects.filter(model=model).values("pk")
    return [pin for teller in _tellers for pin in teller(ids)]


def pins_for(user: "User", *, model: Model) -> tuple[list[Pin], int]:
    """Those of the user's workspaces, and how many others there are."""
    mine = set(user.memberships.values_list("workspace_id", flat=True))
    found = pins_of(model)
    seen = [pin for pin in found if pin.workspace_id in mine]
    return seen, len(found) - len(seen)
