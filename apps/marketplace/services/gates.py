"""Who gets the files of a gated repository: ask, approve, refuse, ask again."""

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.services import audit
from apps.core.errors import NotFoundError
from apps.marketplace.errors import GatedError
from apps.marketplace.models import AccessRequest, Model
from apps.marketplace.services.repositories import check_manages
from apps.marketplace.types import Asked, Gate

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.accounts.models import User


def check_reads(user: "User | AnonymousUser", model: Model, *, site: str) -> None:
    """Refuse who has not come through the gate.

    ``site`` is where this server answers: what is refused is read in a terminal.

    Raises:
        GatedError: Says how to come in.
    """
    if model.gate == Gate.OPEN or Model.objects.read_by(user).filter(pk=model.pk):
        return
    raise GatedError(
        _(
            "{full_name} is gated: open {url} in a browser, read its terms and ask for "
            "access"
        ).format(full_name=model.full_name, url=f"{site.rstrip('/')}/{model.address}")
    )


@transaction.atomic
def ask_access(*, user: "User", model: Model, message: str = "") -> AccessRequest:
    """Accept the terms, which is enough at an automatic gate, else wait for a manager.

    Somebody who was refused may ask again.
    """
    state = Asked.ACCEPTED if model.gate == Gate.AUTO else Asked.PENDING
    request, is_new = AccessRequest.objects.select_for_update().get_or_create(
        model=model, user=user, defaults={"state": state, "message": message[:2000]}
    )
    if not is_new and request.state != Asked.ACCEPTED:
        request.state, request.message = state, message[:2000]
        request.save(update_fields=["state", "message", "updated_at"])
    return request


@transaction.atomic
def decide_access(
    *, user: "User", model: Model, request_id: int, state: Asked
) -> AccessRequest:
    """Let somebody in, refuse, or put the decision back.

    Raises:
        NotFoundError: Nobody asked under that number.
        ForbiddenError: The user does not manage the repository.
    """
    check_manages(user, model)
    request = (
        AccessRequest.objects.select_for_update(of=("self",))
        .filter(model=model, pk=request_id)
        .select_related("user")
        .first()
    )
    if request is None:
        raise NotFoundError(_("nobody asked for that"))
    request.state, request.decided_by = state, user
    request.decided_at = timezone.now()
    request.save(update_fields=["state", "decided_by", "decided_at", "updated_at"])
    audit(
        action=f"access.{state}",
        target=f"{request.user.email} to {model.full_name}",
        actor=user,
        workspace_id=model.namespace.workspace_id,
    )
    return request
