"""Credentials: written once, read by workers, shown to nobody."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.selectors import access_workspace
from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.deployments.targets import selectors
from apps.deployments.targets.errors import BadCredentialError
from apps.deployments.targets.models import Credential, Deployment
from apps.deployments.targets.secrets import seal, unseal
from apps.deployments.targets.types import Access

if TYPE_CHECKING:
    from apps.accounts.models import User

MAX_CHARS = 20_000


@transaction.atomic
def keep_credential(
    *,
    user: "User",
    workspace_id: int,
    name: str,
    target: str,
    values: Mapping[str, str],
) -> Credential:
    """Seal a credential under a name of its own.

    Raises:
        NotFoundError: No such workspace for this user.
        RoleTooLowError: It takes an owner.
        BadCredentialError: It is empty, too long, or its name is taken.
    """
    access_workspace(user=user, workspace_id=workspace_id, needs=Role.OWNER)
    given = {key: text.strip() for key, text in values.items() if text.strip()}
    if not given or sum(map(len, given.values())) > MAX_CHARS:
        raise BadCredentialError(
            _("a credential has 1 to {most} characters").format(most=MAX_CHARS)
        )
    kept, is_new = Credential.objects.get_or_create(
        workspace_id=workspace_id,
        name=name,
        defaults={"created_by": user, "target": target, "sealed": seal(given)},
    )
    if not is_new:
        raise BadCredentialError(
            _("a credential is called {name} already: delete it first").format(
                name=repr(name)
            )
        )
    audit(action="credential.kept", target=kept, actor=user, workspace_id=workspace_id)
    return kept


@transaction.atomic
def forget_credential(*, user: "User", credential_id: int) -> None:
    """Delete a credential; deployments that used it must be given another one.

    Raises:
        NotFoundError: No such credential for this user.
        RoleTooLowError: It takes an owner.
    """
    kept = selectors.access_credential(
        user=user, credential_id=credential_id, needs=Role.OWNER
    )
    audit(
        action="credential.forgotten",
        target=kept,
        actor=user,
        workspace_id=kept.workspace_id,
    )
    kept.delete()


def open_access(deployment: Deployment, *, user_id: int, directory: str = "") -> Access:
    """Unseal what a deployment's jobs speak with; called in workers alone.

    Raises:
        BadCredentialError: It was deleted, or sealed under another key.
    """
    values: dict[str, str] = {}
    if deployment.has_lost_credential:
        raise BadCredentialError(
            _("the credential was deleted: choose another one, then try again")
        )
    kept = deployment.credential
    if kept is not None:
        Credential.objects.filter(pk=kept.pk).update(used_at=timezone.now())
        values = unseal(bytes(kept.sealed))
    return Access(
        values=values,
        user_id=user_id,
        workspace_id=deployment.workspace_id,
        directory=directory,
    )
