from typing import TYPE_CHECKING

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from apps.accounts.selectors import access_workspace
from apps.accounts.types import Role
from apps.accounts.webhooks.models import Delivery, Webhook
from apps.core.errors import NotFoundError

if TYPE_CHECKING:
    from apps.accounts.models import User


def list_webhooks(*, user: "User", workspace_id: int) -> QuerySet[Webhook]:
    """The addresses of a workspace, each with how its last delivery went.

    Raises:
        RoleTooLowError: Managers see them.
    """
    access_workspace(user=user, workspace_id=workspace_id, needs=Role.MANAGER)
    last = Delivery.objects.filter(webhook=OuterRef("pk")).order_by("-created_at")
    return (
        Webhook.objects.filter(workspace_id=workspace_id)
        .annotate(
            last_at=Subquery(last.values("created_at")[:1]),
            last_status=Subquery(last.values("status")[:1]),
            last_problem=Subquery(last.values("problem")[:1]),
        )
        .order_by("pk")
    )


def access_webhook(*, user: "User", workspace_id: int, webhook_id: int) -> Webhook:
    """Return an address of a workspace that the user manages.

    Raises:
        NotFoundError: It has none of that number.
        RoleTooLowError: Not a manager.
    """
    access_workspace(user=user, workspace_id=workspace_id, needs=Role.MANAGER)
    found = Webhook.objects.filter(workspace_id=workspace_id, pk=webhook_id).first()
    if found is None:
        raise NotFoundError(_("webhook not found"))
    return found
