"""Tokens that open named repositories and nothing else."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.services import audit, create_token
from apps.marketplace.errors import RepositoryNotFoundError, UnknownRepositoriesError
from apps.marketplace.selectors import access_repository
from apps.marketplace.types import Kind

if TYPE_CHECKING:
    from apps.accounts.models import ApiToken, User
    from apps.accounts.types import Scope
    from apps.marketplace.models import Model

MOST = 100


@transaction.atomic
def create_limited_token(
    *,
    user: "User",
    name: str,
    scope: "Scope",
    repositories: Sequence[str],
    days: int | None = None,
) -> tuple["ApiToken", str]:
    """Make a token for some repositories; they keep it when they are renamed.

    Args:
        user: Whose rights it carries, there.
        name: What it is for.
        scope: Read, or write.
        repositories: As ``namespace/name``, ``datasets/namespace/name`` for data.
        days: How long it lives; None means until it is revoked.

    Returns:
        The token and its secret, which cannot be read again.

    Raises:
        UnknownRepositoriesError: The user may not know of some, or named none, or more
            than ``MOST``.
    """
    found = _find(user, repositories)
    token, secret = create_token(
        user=user, name=name, scope=scope, days=days, is_limited=True
    )
    token.repositories.set(found)
    audit(
        action="token.limited",
        target=token,
        actor=user,
        workspace_id=None,
        repositories=[row.full_name for row in found],
    )
    return token, secret


def _find(user: "User", names: Sequence[str]) -> list["Model"]:
    wanted = list(dict.fromkeys(filter(None, (name.strip() for name in names))))
    if not 0 < len(wanted) <= MOST:
        raise UnknownRepositoriesError(
            _("name 1 to {most} repositories, such as namespace/name").format(most=MOST)
        )
    found, unknown = [], []
    for name in wanted:
        try:
            found.append(_access(user, name))
        except RepositoryNotFoundError:
            unknown.append(name[:120])
    if unknown:
        raise UnknownRepositoriesError(
            _(
                "there is no {names} for you: write a model as namespace/name and a "
                "dataset as datasets/namespace/name"
            ).format(names=", ".join(unknown))
        )
    return found


def _access(user: "User", name: str) -> "Model":
    is_data = name.startswith("datasets/")
    namespace, _between, short = name.removeprefix("datasets/").rpartition("/")
    kind = Kind.DATASET if is_data else Kind.MODEL
    return access_repository(user=user, namespace=namespace, name=short, kind=kind)
