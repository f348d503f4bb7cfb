"""Which of the catalogue's models are here, or on their way."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from django.db.models import F, QuerySet

from apps.jobs.types import ENDED
from apps.marketplace.catalogue.models import Fetch, Mirror
from apps.marketplace.catalogue.types import OWN_LIBRARY, Entry
from apps.marketplace.models import Model

if TYPE_CHECKING:
    from apps.accounts.models import User


def list_mirrors(*, user: "User") -> QuerySet[Mirror]:
    """The mirrors that the user may see, the newest first."""
    return (
        Mirror.objects.visible_to(user)
        .select_related("model__namespace", "model__head")
        .order_by("-pk")
    )


def list_moved(*, workspace_id: int) -> QuerySet[Mirror]:
    """A workspace's mirrors whose upstream has something newer."""
    return (
        Mirror.objects.filter(
            model__namespace__workspace=workspace_id, model__deleted_at=None
        )
        .exclude(sha=F("newest_sha"))
        .select_related("model__namespace")
        .order_by("source")
    )


def mirrors_of(*, workspace_id: int, sources: Collection[str]) -> dict[str, Mirror]:
    rows = Mirror.objects.filter(
        source__in=sources,
        model__namespace__workspace=workspace_id,
        model__deleted_at=None,
    )
    return {row.source: row for row in rows.select_related("model__namespace")}


def under_way(*, workspace_id: int) -> QuerySet[Fetch]:
    """Fetches of a workspace whose jobs are not over."""
    return (
        Fetch.objects.filter(namespace__workspace=workspace_id)
        .exclude(job__status__in=ENDED)
        .select_related("job")
        .order_by("pk")
    )


def mirror_of(model: Model) -> Mirror | None:
    return Mirror.objects.filter(model=model).first()


def shipped(*, entries: Iterable[Entry]) -> set[str]:
    """Which entries are our own weights that came along, by their sources."""
    names = {
        entry.source.rpartition("/")[2]: entry.source
        for entry in entries
        if entry.library == OWN_LIBRARY
    }
    if not names:
        return set()
    rows = Model.objects.filter(
        namespace__workspace=None, name__in=names, deleted_at=None
    )
    return {names[name] for name in rows.values_list("name", flat=True)}
