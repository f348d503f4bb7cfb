"""Finds models by words and facts."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import Count, F, Func, Q, QuerySet, TextField, Value

from apps.marketplace.models import Model
from apps.marketplace.types import FACETS, Gate, Kind

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.accounts.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a search asks for; what is left empty does not narrow it.

    Attributes:
        tags: As the Hub protocol filters: plain words, ``license:mit``, ``dataset:x``,
            ``base_model:a/b``.
        sort: One of ``SORTS``.
    """

    kind: Kind = Kind.MODEL
    text: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    task: str = ""
    library: str = ""
    licence: str = ""
    framework: str = ""
    precision: str = ""
    language: str = ""
    dataset: str = ""
    gate: str = ""
    speed: str = ""
    is_gated: bool | None = None
    least_parameters: int | None = None
    most_parameters: int | None = None
    sort: str = ""
    is_ascending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetValue:
    """How many of the found have this value."""

    facet: str
    value: str
    num: int


# Of which there are about as many as models: counted apart, and the commonest alone.
NUM_DATASETS = 12
SORTS = {
    "": "-num_downloads",
    "downloads": "-num_downloads",
    "trendingScore": "-num_likes",
    "likes": "-num_likes",
    "lastModified": "-updated_at",
    "last_modified": "-updated_at",
    "createdAt": "-created_at",
    "created_at": "-created_at",
    "num_parameters": "-num_parameters",
}
_SPELLED = {"license": "licence", "dataset": "datasets", "base_model": "base_models"}
_PLAIN = ("tags", "languages", "frameworks", "precisions")
# There are too many different data sets to group by, so that each group's are strung
# together, and told apart here: a second pass over the found costs more than all else.
_BETWEEN = "\x1f"
_STRUNG_DATASETS = StringAgg(
    Func(F("datasets"), Value(_BETWEEN), function="array_to_string"),
    delimiter=_BETWEEN,
    output_field=TextField(),
)


def search_models(*, user: "User | AnonymousUser", wanted: Wanted) -> QuerySet[Model]:
    """Find repositories that the user may see, the best loved first."""
    found = Model.objects.visible_to(user).filter(kind=wanted.kind, archived_at=None)
    for word in wanted.text.lower().replace("\0", "").split()[:8]:
        found = found.filter(search_text__contains=word)
    if wanted.author:
        found = found.filter(namespace__name__lower=wanted.author.lower())
    exact = {
        "task": wanted.task,
        "library": wanted.library,
        "licence": wanted.licence,
        "gate": wanted.gate,
        "speed": wanted.speed,
    }
    found = found.filter(**{name: value for name, value in exact.items() if value})
    listed = {
        "frameworks": wanted.framework,
        "precisions": wanted.precision,
        "languages": wanted.language,
        "datasets": wanted.dataset,
    }
    for name, value in listed.items():
        if value:
            found = found.filter(**{f"{name}__contains": [value]})
    for tag in wanted.tags[:20]:
        found = found.filter(_tagged(tag))
    if wanted.is_gated is not None:
        is_open = Q(gate=Gate.OPEN)
        found = found.filter(~is_open if wanted.is_gated else is_open)
    if wanted.least_parameters is not None:
        found = found.filter(num_parameters__gte=wanted.least_parameters)
    if wanted.most_parameters is not None:
        found = found.filter(num_parameters__lte=wanted.most_parameters)
    order = SORTS.get(wanted.sort, SORTS[""])
    order = order.removeprefix("-") if wanted.is_ascending else order
    return found.select_related("namespace", "head").order_by(order, "-pk")


def fetch_page(page: QuerySet[Model]) -> QuerySet[Model]:
    """Read what stands on a page that was cut out of the found.

    Those before it are counted off by their ids alone: a model is wide, and a far page
    would read all of it of all of them.
    """
    rows = Model.objects.filter(pk__in=page.values("pk"))
    return rows.select_related("namespace", "head").order_by(*page.query.order_by)


def count_facets(found: QuerySet[Model]) -> tuple[int, list[FacetValue]]:
    """Count what the found repositories can be narrowed down to.

    They are read once and come grouped by all that they have in common, which is far
    fewer rows than repositories; the rest is adding up.

    Returns:
        How many there are, and the values that are not empty, the commonest first.
    """
    groups = (
        found.order_by()
        .select_related(None)
        .values_list("facets")
        .annotate(num=Count("pk"), trained_on=_STRUNG_DATASETS)
    )
    total, counts, datasets = 0, Counter[tuple[str, str]](), Counter[str]()
    for facets, num, trained_on in groups:
        total += num
        datasets.update(filter(None, trained_on.split(_BETWEEN)))
        for facet, value in zip(FACETS, json.loads(facets), strict=True):
            for one in value if isinstance(value, list) else [value]:
                counts[facet, one] += num
    known = [
        FacetValue(facet=facet, value=value, num=num)
        for (facet, value), num in counts.items()
        if value
    ]
    known += [
        FacetValue(facet="dataset", value=value, num=num)
        for value, num in _commonest(datasets)
    ]
    return total, sorted(known, key=lambda row: (-row.num, row.value))


def _commonest(datasets: Counter[str]) -> list[tuple[str, int]]:
    return sorted(datasets.items(), key=lambda row: (-row[1], row[0]))[:NUM_DATASETS]


def _tagged(tag: str) -> Q:
    name, _between, value = tag.partition(":")
    column = _SPELLED.get(name)
    if column == "licence" and value:
        return Q(licence=value.lower())
    if column and value:
        return Q(**{f"{column}__contains": [value]})
    found = Q(task=tag) | Q(library=tag)
    for plain in _PLAIN:
        found |= Q(**{f"{plain}__contains": [tag]})
    return found
