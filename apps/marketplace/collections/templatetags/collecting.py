from typing import TYPE_CHECKING

from django import template

from apps.marketplace.collections import selectors
from apps.marketplace.collections.models import Collection
from apps.marketplace.models import Model

if TYPE_CHECKING:
    from apps.accounts.models import User

register = template.Library()
MOST = 50


@register.simple_tag
def collections_of(model: Model, user: "User") -> dict[str, list[Collection]]:
    """Those that hold a model, and those of the user's workspaces that could."""
    holding = list(selectors.collections_with(model, user=user)[:MOST])
    others = selectors.list_collections(user=user).exclude(
        pk__in=[one.pk for one in holding]
    )
    return {"holding": holding, "others": list(others[:MOST])}
