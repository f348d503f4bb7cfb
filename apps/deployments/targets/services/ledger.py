"""The append-only record of what a target was made to serve."""

from typing import TYPE_CHECKING

from apps.deployments.targets.models import Deployment, Entry
from apps.deployments.targets.types import EntryKind

if TYPE_CHECKING:
    from apps.accounts.models import User


def write(
    deployment: Deployment,
    kind: EntryKind,
    *,
    actor: "User | None" = None,
    actor_id: int | None = None,
    note: str = "",
) -> Entry:
    """Note a change, after it and in its transaction."""
    return Entry.objects.create(
        deployment=deployment,
        kind=kind,
        actor_id=actor.pk if actor else actor_id,
        model=deployment.full_name,
        weights_sha256=deployment.weights_sha256,
        number=deployment.number,
        note=note,
    )
