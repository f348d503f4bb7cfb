"""What the keeper of the processes writes down."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from apps.deployments.models import Replica
from apps.deployments.types import ReplicaState


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One process as it is now."""

    release_id: int
    index: int
    state: ReplicaState
    port: int
    pid: int
    restarts: int
    rss_mb: int
    error: str


@transaction.atomic
def note_replicas(seen: Iterable[Seen]) -> None:
    """Write how the processes fare, and forget those that are no more."""
    now = timezone.now()
    rows = [
        Replica(
            release_id=each.release_id,
            index=each.index,
            state=each.state,
            port=each.port,
            pid=each.pid,
            restarts=each.restarts,
            rss_mb=each.rss_mb,
            error=each.error,
            seen_at=now,
        )
        for each in seen
    ]
    Replica.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["release", "index"],
        update_fields=[
            "state",
            "port",
            "pid",
            "restarts",
            "rss_mb",
            "error",
            "seen_at",
        ],
    )
    Replica.objects.filter(seen_at__lt=now).delete()
