"""Searches as people read them: the models in their order, and why others are not."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from apps.core.errors import NotFoundError
from apps.diagnostics.transfer.models import TransferSearch
from apps.diagnostics.transfer.types import LeftOut
from apps.marketplace.selectors.candidates import Described, describe_revisions
from deepseek_diagnostics.words import say

if TYPE_CHECKING:
    from apps.accounts.models import User

MOST = 50
WHY: dict[LeftOut, Promise] = {
    LeftOut.LICENCE: _lazy("the workspace does not work with its licence"),
    LeftOut.HELD: _lazy("held: scanners found something in its files"),
    LeftOut.NO_GRAPH: _lazy("no ONNX file that runs here"),
    LeftOut.NO_PICTURES: _lazy("does not answer about a picture alone"),
    LeftOut.MANY: _lazy("not measured: others are downloaded more"),
    LeftOut.SLOW: _lazy("slower than was asked for"),
    LeftOut.FAILED: _lazy("could not be asked"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One model in the order.

    Attributes:
        num_first: In how many of ``num_parts`` random parts of the crops it was first.
        is_best_for_speed: No model that is as quick scores more.
    """

    rank: int
    model: Described
    score: float
    time_ms: float
    num_first: int
    num_parts: int
    is_best_for_speed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """One that is not in the order; ``time_ms`` where it was measured."""

    model: Described
    why: str
    code: str
    time_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search found, as far as a person may know of the models.

    Attributes:
        num_waiting: Models that are still to be measured.
    """

    places: tuple[Place, ...]
    absent: tuple[Absent, ...]
    num_waiting: int
    num_crops: int
    num_classes: int


def list_searches(*, user: "User") -> QuerySet[TransferSearch]:
    """The newest first."""
    rows = TransferSearch.objects.visible_to(user)
    return rows.select_related("job", "version__project", "created_by").order_by("-pk")


def access_search(*, user: "User", search_id: int) -> TransferSearch:
    """Return a search that the user may read.

    Raises:
        NotFoundError: No such search, or of strangers.
    """
    found = list_searches(user=user).filter(pk=search_id).first()
    if found is None:
        raise NotFoundError(_("search not found"))
    return found


def found_by(*, user: "User", search: TransferSearch) -> Found:
    """Order what was measured, the best score first."""
    ids = [row["revision_id"] for row in search.rows]
    models = describe_revisions(user=user, revision_ids=ids)
    rows = [row for row in search.rows if row["revision_id"] in models]
    ranked = sorted(
        (row for row in rows if "score" in row and not row["left_out"]),
        key=lambda row: (-row["score"], row["time_ms"]),
    )
    first = _num_first(ranked)
    places = tuple(
        Place(
            rank=number,
            model=models[row["revision_id"]],
            score=row["score"],
            time_ms=row["time_ms"],
            num_first=first[row["revision_id"]],
            num_parts=len(row["parts"]),
            is_best_for_speed=all(
                one["time_ms"] > row["time_ms"] for one in ranked[: number - 1]
            ),
        )
        for number, row in enumerate(ranked, start=1)
    )
    absent = tuple(
        Absent(
            model=models[row["revision_id"]],
            why=_why(row),
            code=row["left_out"],
            time_ms=row.get("time_ms"),
        )
        for row in rows
        if row["left_out"]
    )
    told = ranked[0] if ranked else {}
    return Found(
        places=places,
        absent=absent,
        num_waiting=len(rows) - len(places) - len(absent),
        num_crops=told.get("num_crops", 0),
        num_classes=told.get("num_classes", 0),
    )


def _why(row: dict[str, Any]) -> str:
    if refused := row.get("refused"):
        return say(refused["text"], refused["figures"], _)
    return row.get("reason") or str(WHY[LeftOut(row["left_out"])])


def _num_first(ranked: list[dict[str, Any]]) -> Counter[int]:
    """How often each is the best where only a part of the crops is looked at."""
    by_part = zip(*(row["parts"] for row in ranked), strict=True)
    ids = [row["revision_id"] for row in ranked]
    return Counter(ids[scores.index(max(scores))] for scores in by_part)
