from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F

from apps.marketplace.models import Like, Model

if TYPE_CHECKING:
    from apps.accounts.models import User


@transaction.atomic
def set_like(*, user: "User", model: Model, is_liked: bool) -> None:
    """Like a repository, or no longer; once a person, however often it is said."""
    if is_liked:
        _row, is_new = Like.objects.get_or_create(model=model, user=user)
        change = 1 if is_new else 0
    else:
        deleted, _rows = Like.objects.filter(model=model, user=user).delete()
        change = -deleted
    if change:
        Model.objects.filter(pk=model.pk).update(num_likes=F("num_likes") + change)
