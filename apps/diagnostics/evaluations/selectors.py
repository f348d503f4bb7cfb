"""Evaluations as people read them: of a model, and the board of a dataset version."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.core.errors import NotFoundError
from apps.diagnostics.evaluations.models import Evaluation, EvaluationQuerySet
from apps.labeling.selectors import access_dataset_version
from apps.marketplace.selectors import list_models

if TYPE_CHECKING:
    from apps.accounts.models import User

MOST = 100
MOST_SETS = 8  # beside each other


def _seen(user: "User") -> EvaluationQuerySet:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How some revisions did on one split of one dataset version.

    Attributes:
        evaluations: The newest of each revision, in their order; None where none.
    """

    evaluations: tuple[Evaluation | None, ...]

    @property
    def one(self) -> Evaluation:
        return next(row for row in self.evaluations if row is not None)


def best(
    rows: Sequence[Evaluation], figure: str, *, is_least: bool = False
) -> float | None:
    """The best of a figure, where some evaluations differ in it."""
    told = [row.figures.get(figure) for row in rows]
    known: list[float] = [value for value in told if value is not None]
    if len(set(known)) < 2:
        return None
    return min(known) if is_least else max(known)


def side_by_side(*, user: "User", revision_ids: list[int]) -> list[Measured]:
    """What was measured of some revisions, for each split of a dataset version.

    Those that most of them were measured on come first, of these the newest.
    """
    rows = _seen(user).measured().filter(revision__in=revision_ids)
    found: dict[tuple[int, str], dict[int, Evaluation]] = {}
    for row in rows.order_by("-pk")[: 10 * MOST]:
        of_set = found.setdefault((row.version_id, row.split), {})
        of_set.setdefault(row.revision_id, row)
    sets = sorted(found.values(), key=lambda of_set: -len(of_set))
    return [
        Measured(evaluations=tuple(of_set.get(pk) for pk in revision_ids))
        for of_set in sets[:MOST_SETS]
    ]
