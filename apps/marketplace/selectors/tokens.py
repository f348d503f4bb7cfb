"""A person's tokens for named repositories, with those that she may still know of."""

from typing import TYPE_CHECKING

from django.db.models import Prefetch, QuerySet

from apps.accounts.selectors import list_tokens
from apps.marketplace.models import Model

if TYPE_CHECKING:
    from apps.accounts.models import ApiToken, User


def list_limited_tokens(*, user: "User") -> QuerySet["ApiToken"]:
    seen = Model.objects.visible_to(user).select_related("namespace")
    named = Prefetch("repositories", queryset=seen.order_by("pk"))
    return list_tokens(user=user).filter(is_limited=True).prefetch_related(named)
