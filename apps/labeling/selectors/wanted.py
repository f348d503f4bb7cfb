"""Which images somebody asks for, as the address of a page or a request says it."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.core.parsers import (
    BadQueryError,
    query_choice,
    query_number,
    query_share,
)
from apps.labeling.models import SavedView
from apps.labeling.selectors.images import REVIEWS
from apps.labeling.types import ImageOrder, Split, Wanted

if TYPE_CHECKING:
    from apps.accounts.models import User

MAX_NAME = 255
MAX_TEXT = 100


def read_wanted(query: Mapping[str, str]) -> Wanted:
    """Read a query; what it does not know it leaves alone.

    Raises:
        BadQueryError: A value is none of those that there are.
    """
    wanted = Wanted(
        state=query.get("state", "")[:MAX_NAME],
        review=query_choice(query, "review", REVIEWS),
        name=query.get("name", "")[:MAX_NAME],
        text=_read_text(query),
        assignee=query_number(query, "assignee"),
        label=query_number(query, "label"),
        split=query_choice(query, "split", Split),
        min_score=query_share(query, "min_score"),
        max_score=query_share(query, "max_score"),
        order=ImageOrder(query_choice(query, "order", ImageOrder)),
    )
    low, high = wanted.min_score, wanted.max_score
    if low is not None and high is not None and low > high:
        raise BadQueryError(
            _("the least score {low} is above the greatest {high}: swap them").format(
                low=low, high=high
            )
        )
    return wanted


def _read_text(query: Mapping[str, str]) -> str:
    text = " ".join(query.get("text", "").split())
    if len(text) == 1 and text.isascii():
        raise BadQueryError(
            _("one letter is on nearly every image: give two, or a Chinese character")
        )
    if len(text) > MAX_TEXT:
        raise BadQueryError(
            _("text has at most {most} letters, got {num}: shorten it").format(
                most=MAX_TEXT, num=len(text)
            )
        )
    return text


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
