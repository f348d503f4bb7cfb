import re
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.selectors import access_workspace, list_workspaces
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.marketplace.formats.paths import RESERVED
from apps.marketplace.models import Namespace
from apps.marketplace.types import PACKAGED, repository_name

if TYPE_CHECKING:
    from apps.accounts.models import User, Workspace


@transaction.atomic
def packaged_namespace() -> Namespace:
    """Return the namespace of what ships with the platform."""
    return Namespace.objects.get_or_create(name=PACKAGED, workspace=None)[0]


@transaction.atomic
def namespace_of(*, user: "User", workspace_id: int, needs: Role) -> Namespace:
    """Return a workspace's namespace; it is named at its first use and then stays.

    Raises:
        NotFoundError: No such workspace for this user.
        RoleTooLowError: Her role does not reach.
    """
    workspace = access_workspace(user=user, workspace_id=workspace_id, needs=needs)
    found = Namespace.objects.filter(workspace=workspace).first()
    return found or _name(workspace)


def namespaces_of(*, user: "User") -> list[Namespace]:
    """Return the namespaces of all the user's workspaces, the oldest first."""
    found = {
        row.workspace_id: row
        for row in Namespace.objects.filter(workspace__memberships__user=user)
    }
    mine = list_workspaces(user=user)
    return [found.get(row.pk) or _name(row) for row in mine]


def own_namespace(*, user: "User", name: str = "", needs: Role) -> Namespace:
    """Return one of the user's namespaces by name; the first for an empty name.

    Raises:
        NotFoundError: None of hers is called so, or she is in no workspace.
        RoleTooLowError: Her role in it does not reach.
    """
    mine = namespaces_of(user=user)
    found = [row for row in mine if name.lower() in {"", row.name.lower()}]
    if not found:
        known = ", ".join(row.name for row in mine) or "none"
        raise NotFoundError(
            _("you have no namespace {name}; yours: {known}").format(
                name=repr(name), known=known
            )
        )
    workspace_id = found[0].workspace_id
    assert workspace_id is not None, "packaged models have no members"
    return namespace_of(user=user, workspace_id=workspace_id, needs=needs)


@transaction.atomic
def _name(workspace: "Workspace") -> Namespace:
    is_spelled = re.search("[A-Za-z0-9]", workspace.name) is not None
    plain = repository_name(workspace.name).lower()[:80] if is_spelled else "workspace"
    taken = (
        set(Namespace.objects.values_list("name", flat=True)) | RESERVED | {PACKAGED}
    )
    name = plain if plain not in taken else f"{plain}-{workspace.pk}"
    return Namespace.objects.get_or_create(
        workspace=workspace, defaults={"name": name}
    )[0]
