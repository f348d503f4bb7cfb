"""The append-only record of what served when, and the call that wakes the keeper."""

from typing import TYPE_CHECKING

from django.db import connection

from apps.deployments.models import Endpoint, LedgerEntry, Release
from apps.deployments.services.watching import poke
from apps.deployments.types import LedgerKind, Stage

if TYPE_CHECKING:
    from apps.accounts.models import User

CHANNEL = "deployments"


def write(
    endpoint: Endpoint, kind: LedgerKind, *, actor: "User | None", note: str = ""
) -> LedgerEntry:
    """Note who answers from now on; to be called after the change, in its transaction."""
    poke(endpoint.pk)
    return LedgerEntry.objects.create(
        endpoint=endpoint, kind=kind, actor=actor, split=_split(endpoint), note=note
    )


def wake_keeper() -> None:
    """Tell the process that keeps replicas, once this transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


def _split(endpoint: Endpoint) -> list[dict[str, object]]:
    if endpoint.is_paused or endpoint.deleted_at is not None:
        return []
    split = []
    if endpoint.stable is not None:
        split.append(_part(endpoint.stable, 100 - endpoint.share))
    if endpoint.candidate is not None and endpoint.stage in {
        Stage.SHADOW,
        Stage.CANARY,
    }:
        split.append(_part(endpoint.candidate, endpoint.share))
    return split


def _part(release: Release, share: int) -> dict[str, object]:
    return {
        "release": release.number,
        "model": release.full_name,
        "weights": release.weights_sha256,
        "share": share,
    }
