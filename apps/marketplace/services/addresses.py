"""Old addresses of repositories: left by a rename, ended by whoever moves in there."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from apps.marketplace.errors import NameTakenError
from apps.marketplace.models import Model, Namespace, OldAddress
from apps.marketplace.types import Kind

if TYPE_CHECKING:
    from apps.accounts.models import User


def check_free(*, user: "User", kind: Kind, namespace: Namespace, name: str) -> None:
    """Refuse to make a repository where one was that the user knows by this name.

    Clients make the repository that they push to unless it exists; they read from the
    refusal where it is.

    Raises:
        NameTakenError: It was renamed; ``extra["full_name"]`` says to what.
    """
    old = OldAddress.objects.filter(
        kind=kind, namespace=namespace, name__lower=name.lower()
    )
    seen = Model.objects.visible_to(user).filter(pk__in=old.values("model"))
    moved = seen.select_related("namespace").first()
    if moved is not None:
        asked, full_name = f"{namespace.name}/{name}", moved.full_name
        raise NameTakenError(
            _(
                "{asked} was renamed to {full_name}: push to that, or have a manager "
                "let the old address go in its settings"
            ).format(asked=asked, full_name=full_name),
            full_name=full_name,
        )


def take(model: Model) -> None:
    """End what led elsewhere from where a repository lives now."""
    OldAddress.objects.filter(
        kind=model.kind, namespace=model.namespace_id, name__lower=model.name.lower()
    ).delete()


def leave(model: Model, namespace: Namespace, name: str) -> None:
    """Have an address that a repository lived at lead to it."""
    here = (model.namespace_id, model.name.lower())
    if here == (namespace.pk, name.lower()):
        return
    old = OldAddress.objects.filter(kind=model.kind, namespace=namespace)
    old.filter(name__lower=name.lower()).delete()
    OldAddress.objects.create(
        kind=model.kind, namespace=namespace, name=name, model=model
    )
