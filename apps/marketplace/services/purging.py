"""Ends repositories that were deleted longer ago than they can be brought back.

A repository goes piece by piece, each in a transaction of its own that holds its row, so
that nobody waits long and whoever is cut off leaves the rest to the next one. The row
goes last. Its bytes go as all do that no row names any more (``apps.core.collecting``).
"""

import logging

from django.db import transaction
from django.db.models import QuerySet

from apps.accounts.services import audit
from apps.core.undoing import undo_since
from apps.marketplace.models import Model, ModelRevision, RevisionFile
from apps.marketplace.selectors.pins import pins_of
from apps.marketplace.services.checkouts import forget_checkouts

logger = logging.getLogger(__name__)
FILES, REVISIONS, THREADS = 5000, 100, 100  # of a piece


def overdue() -> QuerySet[Model]:
    """What cannot be brought back any more, the longest gone first."""
    return Model.objects.filter(deleted_at__lt=undo_since()).order_by("deleted_at")


def purge_deleted() -> int:
    """End what is overdue, but for what something still runs from.

    Any number of callers may be at it at once.

    Returns:
        How many repositories ended here.
    """
    models = overdue().in_bulk().values()
    return sum(_purge(model) for model in models if not pins_of(model))


def _purge(model: Model) -> bool:
    """Whether it ended here; another caller that has its row goes on with it."""
    while True:
        with transaction.atomic():
            held = _hold(model.pk)
            if held is None:
                return False
            if not _forget_piece(held):
                _forget_row(held)
                return True


def _hold(model_id: int) -> Model | None:
    rows = overdue().select_for_update(of=("self",), skip_locked=True)
    return rows.select_related("namespace").filter(pk=model_id).first()


def _forget_piece(model: Model) -> bool:
    """Delete some of a held repository's rows; False where only its own is left."""
    files = RevisionFile.objects.filter(revision__model=model).values("pk")
    if RevisionFile.objects.filter(pk__in=files[:FILES]).delete()[0]:
        return True
    if model.threads.filter(pk__in=model.threads.values("pk")[:THREADS]).delete()[0]:
        return True
    # From the newest: no row has to be told that its parent goes.
    some = list(model.revisions.order_by("-pk").only("revision")[:REVISIONS])
    forget_checkouts(one.revision for one in some)
    return bool(
        ModelRevision.objects.filter(pk__in=[one.pk for one in some]).delete()[0]
    )


def _forget_row(model: Model) -> None:
    audit(
        action=f"{model.kind}.purged",
        target=model.full_name,
        actor=None,
        workspace_id=model.namespace.workspace_id,
        deleted_at=f"{model.deleted_at:%Y-%m-%dT%H:%M:%SZ}",
    )
    logger.info("purged %s, deleted at %s", model.full_name, model.deleted_at)
    model.delete()
