"""Which images somebody asks for, as the address of a page or a request says it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.core.parsers import BadQueryError, number
from apps.labeling.models import SavedView
from apps.labeling.selectors.images import REVIEWS
from apps.labeling.types import ImageOrder, Split, Wanted

if TYPE_CHECKING:
    from apps.accounts.models import User

MAX_NAME = 255


def read_wanted(query: Mapping[str, str]) -> Wanted:
    """Read a query; what it does not know it leaves alone.

    Raises:
        BadQueryError: A value is none of those that there are.
    """
    wanted = Wanted(
        state=query.get("state", "")[:MAX_NAME],
        review=_choice(query, "review", REVIEWS),
        name=query.get("name", "")[:MAX_NAME],
        assignee=_number(query, "assignee"),
        label=_number(query, "label"),
        split=_choice(query, "split", Split),
        min_score=_share(query, "min_score"),
        max_score=_share(query, "max_score"),
        order=ImageOrder(_choice(query, "order", ImageOrder)),
    )
    low, high = wanted.min_score, wanted.max_score
    if low is not None and high is not None and low > high:
        raise BadQueryError(
            _("the least score {low} is above the greatest {high}: swap them").format(
                low=low, high=high
            )
        )
    return wanted


def written(wanted: Wanted) -> str:
    """The query that says it, always the same one for the same images."""
    given = {field.name: getattr(wanted, field.name) for field in fields(wanted)}
    return urlencode(
        {name: one for name, one in given.items() if one not in ("", None)}
    )


def list_saved_views(*, user: "User", project_id: int) -> QuerySet[SavedView]:
    """A project's views that a person sees: her own, and what others share."""
    views = SavedView.objects.filter(project_id=project_id).select_related("owner")
    return views.filter(Q(owner=user) | Q(is_shared=True))


def _choice(query: Mapping[str, str], name: str, choices: Iterable[str]) -> str:
    text = query.get(name, "")
    if text and text not in set(choices):
        raise BadQueryError(
            _("{name} must be one of {choices}, got {text}").format(
                name=name,
                choices=", ".join(sorted(filter(None, choices))),
                text=repr(text[:40]),
            )
        )
    return text


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    value = number(text)
    if text and value is None:
        raise BadQueryError(
            _("{name} must be a whole number, got {text}").format(
                name=name, text=repr(text[:40])
            )
        )
    return value


def _share(query: Mapping[str, str], name: str) -> float | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise BadQueryError(
            _("{name} must be in [0, 1], got {text}").format(
                name=name, text=repr(text[:40])
            )
        )
    return share
