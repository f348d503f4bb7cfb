from typing import TYPE_CHECKING

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from apps.core.errors import NotFoundError
from apps.marketplace.collections.models import Collection, Item
from apps.marketplace.models import Model

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.accounts.models import User


def list_collections(
    *, user: "User | AnonymousUser", workspace_id: int | None = None
) -> QuerySet[Collection]:
    """The collections of the user's workspaces or one of them, the newest changed first.

    Each has ``num_items``: how many of its repositories the user may see.
    """
    seen = Q(items__model__in=Model.objects.visible_to(user))
    found = Collection.objects.visible_to(user)
    if workspace_id is not None:
        found = found.filter(namespace__workspace=workspace_id)
    return (
        found.select_related("namespace")
        .annotate(num_items=Count("items", filter=seen))
        .order_by("-updated_at", "-pk")
    )


def access_collection(
    *, user: "User | AnonymousUser", collection_id: int
) -> Collection:
    """Return a collection of one of the user's workspaces.

    Raises:
        NotFoundError: There is none for this user.
    """
    found = (
        Collection.objects.visible_to(user)
        .select_related("namespace")
        .filter(pk=collection_id)
        .first()
    )
    if found is None:
        raise NotFoundError(_("there is no such collection for you"))
    return found


def list_items(
    collection: Collection, *, user: "User | AnonymousUser"
) -> QuerySet[Item]:
    """What is in a collection, in its order, without what the user may not see."""
    seen = Model.objects.visible_to(user)
    rows = collection.items.filter(model__in=seen)
    return rows.select_related("model__namespace", "model__head").order_by("position")


def access_item(
    collection: Collection, *, user: "User | AnonymousUser", item_id: int
) -> Item:
    """Return one of them.

    Raises:
        NotFoundError: It has no such item for this user.
    """
    found = list_items(collection, user=user).filter(pk=item_id).first()
    if found is None:
        raise NotFoundError(_("this collection has no such item"))
    return found


def collections_with(model: Model, *, user: "User") -> QuerySet[Collection]:
    rows = Collection.objects.visible_to(user).filter(items__model=model)
    return rows.order_by("title", "pk")


def list_deleted_repositories(*, user: "User") -> QuerySet[Model]:
    """What the user can bring back, the last deleted first."""
    rows = Model.objects.restored_by(user).select_related("namespace")
    return rows.order_by("-deleted_at", "-pk")


def list_deleted_collections(*, user: "User") -> QuerySet[Collection]:
    """What the user can bring back, the last deleted first."""
    rows = Collection.objects.restored_by(user).select_related("namespace")
    return rows.order_by("-deleted_at", "-pk")
