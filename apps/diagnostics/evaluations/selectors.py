"""Evaluations as people read them: of a model, and the board of a dataset version."""

from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.core.errors import NotFoundError
from apps.diagnostics.evaluations.models import Evaluation
from apps.labeling.selectors import access_dataset_version
from apps.marketplace.selectors import list_models

if TYPE_CHECKING:
    from apps.accounts.models import User

MOST = 100


def _seen(user: "User") -> QuerySet[Evaluation]:
    """On the user's data, of models that she may know of."""
    rows = Evaluation.objects.visible_to(user)
    rows = rows.filter(revision__model__in=list_models(user=user))
    return rows.select_related(
        "job", "version__project", "revision__model__namespace", "created_by"
    )


def list_evaluations(
    *, user: "User", revision_id: int | None = None, version_id: int | None = None
) -> QuerySet[Evaluation]:
    """The newest first; of a revision, of a dataset version, or all."""
    rows = _seen(user)
    if revision_id is not None:
        rows = rows.filter(revision_id=revision_id)
    if version_id is not None:
        rows = rows.filter(version_id=version_id)
    return rows.order_by("-pk")


def access_evaluation(*, user: "User", evaluation_id: int) -> Evaluation:
    """Return an evaluation that the user may read.

    Raises:
        NotFoundError: No such evaluation, or of strangers.
    """
    found = _seen(user).filter(pk=evaluation_id).first()
    if found is None:
        raise NotFoundError(_("evaluation not found"))
    return found


def leaderboard(*, user: "User", version_id: int, split: str) -> list[Evaluation]:
    """The newest evaluation of each model revision on a split, the best first.

    Raises:
        NotFoundError: No such dataset version for this user.
    """
    access_dataset_version(user=user, version_id=version_id)
    rows = _seen(user).filter(version_id=version_id, split=split)
    newest: dict[int, Evaluation] = {}
    for row in rows.exclude(signature="").order_by("-pk")[: 10 * MOST]:
        newest.setdefault(row.revision_id, row)
    return sorted(newest.values(), key=lambda row: -(row.figures.get("ap") or 0.0))[
        :MOST
    ]
