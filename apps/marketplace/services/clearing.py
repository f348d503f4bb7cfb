"""Who lets a revision go that scanners held: a manager, with a reason."""

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.selectors import access_workspace
from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.marketplace.errors import NotHeldError
from apps.marketplace.models import Clearance, Model
from apps.marketplace.selectors import find_revision
from apps.marketplace.selectors.scans import is_held

if TYPE_CHECKING:
    from apps.accounts.models import User


@transaction.atomic
def clear_revision(
    *, user: "User", model: Model, revision: str, reason: str
) -> Clearance:
    """Let a held revision be deployed, trained from and tried.

    Raises:
        RoleTooLowError: It takes a manager of the model's workspace.
        NotHeldError: No such revision, nothing was found in it, or it was let go before.
    """
    check_clears(user, model)
    found = find_revision(model, revision)
    if found is None or not is_held(found):
        raise NotHeldError(
            _("{full_name} at {revision} is not held").format(
                full_name=model.full_name, revision=repr(revision[:80])
            )
        )
    cleared = Clearance.objects.create(revision=found, user=user, reason=reason)
    audit(
        action="model.cleared",
        target=model,
        actor=user,
        workspace_id=model.namespace.workspace_id,
        revision=found.revision,
        reason=reason,
    )
    return cleared


def check_clears(user: "User", model: Model) -> None:
    """Refuse who may not let a model's revisions go.

    Raises:
        RoleTooLowError: It takes a manager of the model's workspace.
    """
    workspace_id = model.namespace.workspace_id
    if workspace_id is not None:  # else it ships, and nothing in it is held
        access_workspace(user=user, workspace_id=workspace_id, needs=Role.MANAGER)
