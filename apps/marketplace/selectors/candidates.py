"""Which models a search by somebody's own images may ask, and why not the others."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import BooleanField, ExpressionWrapper

from apps.marketplace.models import Model, ModelRevision
from apps.marketplace.selectors.licences import denied_among
from apps.marketplace.selectors.scans import is_held
from apps.marketplace.selectors.serving import answers_of, has_weights, served_formats
from apps.marketplace.types import CLICK_FORMAT, Answers, Kind

if TYPE_CHECKING:
    from apps.accounts.models import User

MOST_LISTED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The newest revision of a model.

    Attributes:
        why_not: "licence", "held", "no_graph" or "no_pictures"; empty where it may be
            asked.
    """

    revision_id: int
    why_not: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A revision in a table."""

    revision_id: int
    namespace: str
    name: str
    revision: str
    licence: str
    task: str
    num_parameters: int | None

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"


def list_candidates(*, user: "User", workspace_id: int) -> list[Candidate]:
    """The models whose files the user may have, the most downloaded first.

    The caller has checked that the user is of the workspace, whose licence rules hold.
    """
    runs = ExpressionWrapper(has_weights("head"), output_field=BooleanField())
    models = (
        Model.objects.read_by(user)
        .filter(kind=Kind.MODEL, archived_at=None, head__isnull=False)
        .select_related("namespace", "head__model")
        .annotate(runs=runs)
        .order_by("-num_downloads", "-pk")
    )
    rows = list(models[:MOST_LISTED])
    denied = denied_among(
        workspace_id=workspace_id, licences={row.licence for row in rows}
    )
    return [
        Candidate(revision_id=row.head.pk, why_not=_why_not(row, row.head, denied))
        for row in rows
        if row.head
    ]


def _why_not(model: Model, head: ModelRevision, denied: set[str]) -> str:
    """Why it is not asked; what ships is the platform's own."""
    if head.format not in served_formats() or not model.runs:  # type: ignore[attr-defined]  # annotated
        return "no_graph"
    if head.format == CLICK_FORMAT or answers_of(head) == Answers.TENSORS:
        return "no_pictures"
    if model.ships:
        return ""
    if model.licence in denied:
        return "licence"
    return "held" if is_held(head) else ""


def describe_revisions(
    *, user: "User", revision_ids: Collection[int]
) -> dict[int, Described]:
    """What to show of some revisions; those that the user may not know of are absent."""
    rows = ModelRevision.objects.filter(
        pk__in=revision_ids, model__in=Model.objects.visible_to(user)
    ).select_related("model__namespace")
    return {
        row.pk: Described(
            revision_id=row.pk,
            namespace=row.model.namespace.name,
            name=row.model.name,
            revision=row.revision,
            licence=row.model.licence,
            task=row.model.task,
            num_parameters=row.model.num_parameters,
        )
        for row in rows
    }
