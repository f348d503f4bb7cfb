"""Who says which licences a workspace works with: its owners."""

from typing import TYPE_CHECKING

from django.db import transaction

from apps.accounts.selectors import access_workspace
from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.marketplace.formats.licences import check_licences
from apps.marketplace.models import LicenceRules

if TYPE_CHECKING:
    from apps.accounts.models import User


@transaction.atomic
def set_licence_rules(
    *, user: "User", workspace_id: int, allowed: list[str], denied: list[str]
) -> LicenceRules:
    """Say which licences a workspace works with; what runs already goes on.

    Raises:
        NotFoundError: No such workspace for this user.
        RoleTooLowError: It takes an owner.
        BadLicenceError: SPDX lacks one.
    """
    workspace = access_workspace(user=user, workspace_id=workspace_id, needs=Role.OWNER)
    told = {"allowed": check_licences(allowed), "denied": check_licences(denied)}
    rules, _is_new = LicenceRules.objects.update_or_create(
        workspace=workspace, defaults=told
    )
    audit(
        action="licences.changed",
        target=workspace,
        actor=user,
        workspace_id=workspace_id,
        **told,
    )
    return rules
