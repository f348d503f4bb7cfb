"""Lays what is known of a few revisions side by side."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from apps.marketplace.errors import (
    BadComparisonError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from apps.marketplace.models import ModelRevision, RevisionFile
from apps.marketplace.selectors import access_repository, find_revision
from apps.marketplace.selectors.differences import flat, shown
from apps.marketplace.selectors.scans import is_suspicious
from apps.marketplace.selectors.signatures import signed
from apps.marketplace.services.describing import Weights, weights_of
from apps.marketplace.types import MAIN, OPENED

if TYPE_CHECKING:
    from apps.accounts.models import User

MOST = 4
MOST_ROWS = 60
# Facts of a card that stand in rows of their own.
_TOLD = (
    "license", "pipeline_tag", "library_name", "language", "datasets", "base_model",
    "tags", "model-index",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One revision that is compared.

    Attributes:
        asked: How it was asked for: ``namespace/name@revision``.
    """

    asked: str
    revision: ModelRevision

    @property
    def full_name(self) -> str:
        return self.revision.model.full_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fact of all that are compared, in their order.

    Attributes:
        part: "facts", "metrics" of its job, "results" of its card or "card".
        values: Plain JSON; None where nothing is known.
    """

    part: str
    name: str
    values: tuple[Any, ...]

    @property
    def is_same(self) -> bool:
        return all(value == self.values[0] for value in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def compare(*, user: "User", names: Iterable[str]) -> Comparison:
    """Compare revisions, each named as ``find_column`` takes it; one counts once.

    Raises:
        BadComparisonError: They are none, or more than ``MOST``.
        NotFoundError: One is not there, or the user may not know of it.
    """
    wanted = list(dict.fromkeys(names))
    if not 0 < len(wanted) <= MOST:
        raise BadComparisonError(
            _("name 1 to {most} models to compare, these are {num}").format(
                most=MOST, num=len(wanted)
            )
        )
    found: dict[int, Column] = {}
    for name in wanted:
        column = find_column(user=user, asked=name)
        found.setdefault(column.revision.pk, column)
    columns = tuple(found.values())
    return Comparison(columns=columns, rows=rows_of(columns))


def find_column(*, user: "User", asked: str) -> Column:
    """Find what is to be compared by ``namespace/name`` or ``namespace/name@revision``.

    Raises:
        NotFoundError: It is not there, or the user may not know of it.
    """
    full_name, _at, name = asked.strip().partition("@")
    namespace, between, short = full_name.partition("/")
    if not between:
        raise RepositoryNotFoundError(
            _(
                "{name} is no model: write namespace/name, or namespace/name@revision"
            ).format(name=repr(asked[:100]))
        )
    model = access_repository(user=user, namespace=namespace, name=short)
    revision = find_revision(model, name or MAIN)
    if revision is None:
        raise RevisionNotFoundError(
            _("{full_name} has no branch, tag or commit {name}").format(
                full_name=model.full_name, name=repr((name or MAIN)[:80])
            )
        )
    revision.model = model
    asked = f"{model.full_name}@{name}" if name else model.full_name
    return Column(asked=asked, revision=revision)


def rows_of(columns: Sequence[Column]) -> tuple[Row, ...]:
    """Lay out what is known of them; what is known of none is left out."""
    revisions = [column.revision for column in columns]
    weights = _sizes_of_weights(revisions)
    facts = [_facts(one, weights.get(one.pk)) for one in revisions]
    parts: dict[str, list[dict[str, Any]]] = {
        "facts": facts,
        "metrics": [dict(flat(one.metrics)) for one in revisions],
        "results": [dict(_results(one.card)) for one in revisions],
        "card": [_rest_of_card(one.card) for one in revisions],
    }
    return tuple(row for part, told in parts.items() for row in _rows(part, told))


def _rows(part: str, told: list[dict[str, Any]]) -> list[Row]:
    names = dict.fromkeys(name for one in told for name in one)
    rows = [
        Row(part=part, name=name, values=tuple(one.get(name) for one in told))
        for name in names
    ]
    empty: tuple[Any, ...] = (None, "", [])
    return [row for row in rows if any(one not in empty for one in row.values)][
        :MOST_ROWS
    ]


def _facts(revision: ModelRevision, weights_bytes: int | None) -> dict[str, Any]:
    model, config = revision.model, revision.config
    is_head = revision.pk == model.head_id
    weights = _known_weights(revision) if is_head else weights_of(revision)
    card = _told(revision, is_head=is_head)
    held = signed(revision)
    return {
        "task": card("pipeline_tag", model.task),
        "licence": card("license", model.licence),
        "parameters": weights.num_parameters,
        "precision": list(weights.precisions),
        "weights": weights_bytes,
        "size": revision.size_bytes,
        "format": list(weights.frameworks),
        "library": card("library_name", model.library),
        "input": config.get("side_px") or config.get("image_size"),
        "classes": len(revision.classes) or None,
        "languages": card("language", model.languages),
        "trained_on": card("datasets", model.datasets),
        "made_from": card("base_model", model.base_models),
        "changed": revision.created_at.isoformat(),
        "downloads": model.num_downloads,
        "likes": model.num_likes,
        "signature": None if held is None else held.holds,
        "suspicious": is_suspicious(revision) if revision.scan_version else None,
    }


def _known_weights(revision: ModelRevision) -> Weights:
    model = revision.model
    return Weights(
        frameworks=tuple(model.frameworks),
        precisions=tuple(model.precisions),
        num_parameters=model.num_parameters,
    )


def _told(revision: ModelRevision, *, is_head: bool) -> Callable[[str, Any], Any]:
    """What the newest revision says stands at its model; of others, in their card."""

    def told(name: str, newest: Any) -> Any:
        if is_head:
            return newest
        value = revision.card.get(name)
        return value.lower() if name == "license" and isinstance(value, str) else value

    return told


def _sizes_of_weights(revisions: list[ModelRevision]) -> dict[int, int]:
    """The largest file of weights of each."""
    files = RevisionFile.objects.filter(revision__in=revisions)
    sizes: dict[int, int] = {}
    for revision_id, path, size in files.values_list("revision_id", "path", "size"):
        if path.lower().endswith(OPENED):
            sizes[revision_id] = max(size, sizes.get(revision_id, 0))
    return sizes


def _results(card: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Read the figures that a card states in its ``model-index``."""
    for entry in _mappings(card.get("model-index")):
        for result in _mappings(entry.get("results")):
            dataset = result.get("dataset")
            where = dataset.get("name") if isinstance(dataset, dict) else None
            for metric in _mappings(result.get("metrics")):
                name = metric.get("name") or metric.get("type")
                value = metric.get("value")
                if isinstance(name, str) and isinstance(value, int | float | str):
                    yield f"{where}: {name}" if where else name, value


def _mappings(value: Any) -> list[dict[str, Any]]:
    given = value if isinstance(value, list) else []
    return [one for one in given if isinstance(one, dict)]


def _rest_of_card(card: dict[str, Any]) -> dict[str, str]:
    rest = {name: value for name, value in card.items() if name not in _TOLD}
    return {name: shown(value) for name, value in flat(rest)}
