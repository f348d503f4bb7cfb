"""Who may try which model, and who could answer at once."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from apps.core.errors import NotFoundError
from apps.deployments.models import Endpoint, Replica
from apps.deployments.trials.models import Trial

if TYPE_CHECKING:
    from apps.accounts.models import User


def access_trial(*, user: "User", trial_id: int) -> Trial:
    """Return a trial of the user's own; pictures are shown to nobody else.

    Raises:
        NotFoundError: No such trial, or somebody else's, or over for a day.
    """
    trials = Trial.objects.filter(pk=trial_id, created_by=user)
    trial = trials.select_related("job", "revision__model__namespace").first()
    if trial is None:
        raise NotFoundError(_("trial not found: it may be over, give the picture anew"))
    return trial


def answering_port(*, user: "User", revision_id: int) -> int | None:
    """Where a deployment of the user's workspaces answers with this very revision."""
    endpoints = Endpoint.objects.visible_to(user.pk).filter(is_paused=False)
    replicas = Replica.objects.filter(
        release__endpoint__in=endpoints, release__model_revision_id=revision_id
    )
    return next((each.port for each in replicas if each.answers), None)
