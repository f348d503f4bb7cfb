"""Keys for callers of an endpoint."""

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.deployments import selectors
from apps.deployments.models import EndpointKey
from apps.deployments.secrets import NUM_SHOWN, digest, new_key

if TYPE_CHECKING:
    from apps.accounts.models import User


@transaction.atomic
def create_key(
    *,
    user: "User",
    endpoint_id: int,
    name: str,
    per_minute: int = 0,
    per_day: int = 0,
) -> tuple[EndpointKey, str]:
    """Make a key; its text is returned this once and never again.

    Args:
        user: Who makes it.
        endpoint_id: For which endpoint.
        name: Who will use it.
        per_minute: Requests a minute; 0 is without a limit.
        per_day: Requests a day; 0 is without a limit.

    Raises:
        NotFoundError: No such endpoint for this user.
        RoleTooLowError: It takes a manager.
    """
    endpoint = selectors.access_endpoint(
        user=user, endpoint_id=endpoint_id, needs=Role.MANAGER
    )
    text = new_key()
    key = EndpointKey.objects.create(
        endpoint=endpoint,
        name=name,
        shown=text[:NUM_SHOWN],
        key_sha256=digest(text),
        per_minute=per_minute,
        per_day=per_day,
        created_by=user,
    )
    audit(
        action="endpoint_key.created",
        target=key,
        actor=user,
        workspace_id=endpoint.workspace_id,
    )
    return key, text


@transaction.atomic
def revoke_key(*, user: "User", endpoint_id: int, key_id: int) -> None:
    """End a key; gateways refuse it within a second.

    Raises:
        NotFoundError: No such endpoint or key for this user.
        RoleTooLowError: It takes a manager.
    """
    endpoint = selectors.access_endpoint(
        user=user, endpoint_id=endpoint_id, needs=Role.MANAGER
    )
    key = selectors.list_keys(endpoint_id=endpoint.pk).filter(pk=key_id).first()
    if key is None:
        raise NotFoundError(_("key not found"))
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at"])
    audit(
        action="endpoint_key.revoked",
        target=key,
        actor=user,
        workspace_id=endpoint.workspace_id,
    )
