"""Collections made, described, filled, put in order, deleted and brought back."""

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Count, Max
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.selectors import access_workspace
from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.core.undoing import undo_since
from apps.marketplace.collections.errors import BadCollectionError, ItemTakenError
from apps.marketplace.collections.models import MAX_TEXT, MAX_TITLE, Collection, Item
from apps.marketplace.errors import LimitedTokenError
from apps.marketplace.models import Model, Namespace

if TYPE_CHECKING:
    from apps.accounts.models import User

MOST_ITEMS = 200
PURGED_AT_ONCE = 100


@transaction.atomic
def create_collection(
    *, user: "User", namespace: Namespace, title: str, description: str = ""
) -> Collection:
    """Begin a list; annotators and above of the namespace's workspace may.

    Raises:
        BadCollectionError: Without a title, or too long.
        LimitedTokenError: The token is for repositories that it names.
        RoleTooLowError: Her role does not reach.
    """
    if user.limited_by:
        raise LimitedTokenError(
            _("a token for named repositories makes no collections")
        )
    check_changes(user, namespace)
    return Collection.objects.create(
        namespace=namespace,
        title=_title(title),
        description=_text(description),
        created_by=user,
    )


@transaction.atomic
def change_collection(
    *,
    user: "User",
    collection: Collection,
    title: str | None = None,
    description: str | None = None,
) -> Collection:
    """Name or describe it anew; None leaves as it is.

    Raises:
        BadCollectionError: Without a title, or too long.
        RoleTooLowError: Her role does not reach.
    """
    check_changes(user, collection.namespace)
    if title is not None:
        collection.title = _title(title)
    if description is not None:
        collection.description = _text(description)
    collection.save(update_fields=["title", "description", "updated_at"])
    return collection


@transaction.atomic
def delete_collection(*, user: "User", collection: Collection) -> None:
    """Take it away; for ``DELETED_KEPT_DAYS`` that can be taken back."""
    check_changes(user, collection.namespace)
    collection.deleted_at = timezone.now()
    collection.save(update_fields=["deleted_at", "updated_at"])
    _audit(user, collection, "deleted")


@transaction.atomic
def restore_collection(*, user: "User", collection_id: int) -> Collection:
    """Take a deletion back.

    Raises:
        NotFoundError: Nothing that she may bring back has that number, or not any more.
    """
    gone = Collection.objects.restored_by(user).select_for_update(of=("self",))
    found = gone.select_related("namespace").filter(pk=collection_id).first()
    if found is None:
        raise NotFoundError(_("nothing of that number was deleted lately"))
    found.deleted_at = None
    found.save(update_fields=["deleted_at", "updated_at"])
    _audit(user, found, "restored")
    return found


@transaction.atomic
def purge_collections() -> None:
    """End some of those that cannot be brought back any more."""
    gone = Collection.objects.filter(deleted_at__lt=undo_since())
    rows = gone.select_for_update(of=("self",), skip_locked=True)
    for one in rows.select_related("namespace").order_by("deleted_at")[:PURGED_AT_ONCE]:
        _audit(None, one, "purged")
        one.delete()


@transaction.atomic
def add_item(
    *, user: "User", collection: Collection, model: Model, note: str = ""
) -> Item:
    """Put a repository at the end.

    Raises:
        BadCollectionError: The note is too long, or the collection is full.
        ItemTakenError: It is in there.
        RoleTooLowError: Her role does not reach.
    """
    collection = _locked(user, collection)
    there = collection.items.aggregate(last=Max("position"), num=Count("pk"))
    position = 0 if there["last"] is None else there["last"] + 1
    if there["num"] >= MOST_ITEMS:
        raise BadCollectionError(
            _("a collection holds at most {most} models: begin another one").format(
                most=MOST_ITEMS
            )
        )
    try:
        with transaction.atomic():
            return Item.objects.create(
                collection=collection, model=model, note=_text(note), position=position
            )
    except IntegrityError as exc:
        raise ItemTakenError(
            _("{model} is in {title} already").format(
                model=model.full_name, title=collection.title
            ),
            slug=collection.slug,
        ) from exc


@transaction.atomic
def change_item(
    *, user: "User", item: Item, note: str | None = None, position: int | None = None
) -> None:
    """Say something else of it, or move it; a place beyond the end is the end.

    Raises:
        BadCollectionError: The note is too long.
        RoleTooLowError: Her role does not reach.
    """
    collection = _locked(user, item.collection)
    if note is not None:
        collection.items.filter(pk=item.pk).update(note=_text(note))
    if position is not None:
        others = list(collection.items.exclude(pk=item.pk).order_by("position"))
        others.insert(max(position, 0), item)
        _put_in_order(others)


@transaction.atomic
def remove_item(*, user: "User", item: Item) -> None:
    """Take it out; those behind it move up."""
    collection = _locked(user, item.collection)
    collection.items.filter(pk=item.pk).delete()
    _put_in_order(list(collection.items.order_by("position")))


def _put_in_order(items: list[Item]) -> None:
    for position, item in enumerate(items):
        item.position = position
    Item.objects.bulk_update(items, ["position"])


def _locked(user: "User", collection: Collection) -> Collection:
    """Hold a collection while its items change, and note that they did."""
    check_changes(user, collection.namespace)
    rows = Collection.objects.select_for_update(of=("self",))
    held = rows.select_related("namespace").get(pk=collection.pk)
    held.save(update_fields=["updated_at"])
    return held


def check_changes(user: "User", namespace: Namespace) -> None:
    """Refuse who may not change a workspace's collections.

    Raises:
        NotFoundError: None of her workspaces.
        RoleTooLowError: It takes an annotator.
    """
    if namespace.workspace_id is None:
        raise NotFoundError(_("what ships with dsportal has no collections"))
    access_workspace(
        user=user, workspace_id=namespace.workspace_id, needs=Role.ANNOTATOR
    )


def _title(title: str) -> str:
    title = title.replace("\0", "").strip()
    if not 0 < len(title) <= MAX_TITLE:
        raise BadCollectionError(
            _("a title has 1 to {most} characters").format(most=MAX_TITLE)
        )
    return title


def _text(text: str) -> str:
    text = text.replace("\0", "").strip()
    if len(text) > MAX_TEXT:
        raise BadCollectionError(
            _("at most {most} characters, this has {num}").format(
                most=MAX_TEXT, num=len(text)
            )
        )
    return text


def _audit(user: "User | None", collection: Collection, what: str) -> None:
    audit(
        action=f"collection.{what}",
        target=collection,
        actor=user,
        workspace_id=collection.namespace.workspace_id,
    )
