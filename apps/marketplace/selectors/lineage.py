"""Where a model comes from and where it went; each room above tells of its own part."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Q, Value
from django.db.models.functions import Concat
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from apps.marketplace.formats.drawing import Drawing, draw
from apps.marketplace.models import Model, ModelRevision, OldAddress
from apps.marketplace.selectors import revision_info
from apps.marketplace.types import Kind, ModelRevisionInfo, Relative

if TYPE_CHECKING:
    from apps.accounts.models import User

MOST_SHOWN = 6  # of a level
# How one was made of another; the words of a revision's ``relation``.
RELATIONS: dict[str, Promise] = {
    "finetune": _lazy("Trained further"),
    "distil": _lazy("Distilled"),
    "quantize": _lazy("Quantised"),
    "prune": _lazy("Pruned"),
}
Teller = Callable[["User", ModelRevisionInfo], list[Relative]]
_tellers: dict[str, list[Teller]] = {"data": [], "work": [], "use": []}


def tells_lineage(part: str) -> Callable[[Teller], Teller]:
    """Mark what tells of a part: the "data", the "work" or the "use" of a revision.

    It stands among a room's selectors, which are loaded at the start, and leaves out, or
    names without a link, what the user may not see.
    """

    def mark(teller: Teller) -> Teller:
        _tellers[part].append(teller)
        return teller

    return mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Levels from the origin to the use; those that are empty are left out."""

    levels: tuple[tuple[Relative, ...], ...]

    @property
    def is_alone(self) -> bool:
        """Whether nothing but the model itself is known."""
        return sum(len(level) for level in self.levels) == 1

    @property
    def drawing(self) -> Drawing:
        return draw(self.levels)


def lineage_of(*, user: "User", model: Model, revision: ModelRevision) -> Lineage:
    """Find what a revision was made from and what came of it, as far as she may know."""
    info = revision_info(revision)
    here = Relative(
        kind=_("This model"),
        title=model.full_name,
        says=str(RELATIONS.get(revision.relation, info.revision[:7])),
        is_here=True,
    )
    levels = (
        [*_told("data", user, info), *_parents(user, model, revision)],
        _told("work", user, info),
        [here],
        [*_told("use", user, info), *_children(user, model)],
    )
    return Lineage(levels=tuple(_shown(level) for level in levels if level))


def _told(part: str, user: "User", info: ModelRevisionInfo) -> list[Relative]:
    return [node for teller in _tellers[part] for node in teller(user, info)]


def _shown(level: list[Relative]) -> tuple[Relative, ...]:
    if len(level) <= MOST_SHOWN:
        return tuple(level)
    num = len(level) - MOST_SHOWN + 1
    more = Relative(kind=_("And more"), title=_("{num} others").format(num=num))
    return (*level[: MOST_SHOWN - 1], more)


def _parents(user: "User", model: Model, revision: ModelRevision) -> list[Relative]:
    """What it was made from, as its job and its card say."""
    seen = Model.objects.visible_to(user).select_related("namespace")
    found = {}
    if revision.base_id is not None:
        base = seen.filter(revisions=revision.base_id).exclude(pk=model.pk).first()
        if base is not None:
            found[base.pk] = _node(base, _("Base model"), beside=model)
    if model.base_models:
        for row in seen.exclude(pk=model.pk).filter(_is_called(model.base_models)):
            found.setdefault(row.pk, _node(row, _("Base model"), beside=model))
    return list(found.values())


def _is_called(names: Iterable[str]) -> Q:
    """Whether a model has one of these names, or had it before it was renamed."""
    named = Q()
    for full_name in names:
        namespace, _between, name = full_name.lower().rpartition("/")
        named |= Q(namespace__name__lower=namespace, name__lower=name)
    old = OldAddress.objects.filter(named, kind=Kind.MODEL).values("model")
    return named | Q(pk__in=old)


def _children(user: "User", model: Model) -> list[Relative]:
    """What was made from it, as jobs and cards say, and how."""
    seen = Model.objects.visible_to(user).exclude(pk=model.pk)
    found = {}
    made = ModelRevision.objects.filter(base__model=model, model__in=seen)
    for row in made.select_related("model__namespace").order_by("pk"):
        kind = str(RELATIONS.get(row.relation, _("Made of it")))
        found[row.model_id] = _node(row.model, kind, beside=model)
    names = ArraySubquery(
        OldAddress.objects.filter(model=model)
        .annotate(full_name=Concat("namespace__name", Value("/"), "name"))
        .values("full_name")
    )
    told = seen.filter(
        Q(base_models__contains=[model.full_name]) | Q(base_models__overlap=names)
    )
    for one in told.select_related("namespace").order_by("pk"):
        found.setdefault(one.pk, _node(one, _("Made of it"), beside=model))
    return list(found.values())


def _node(one: Model, kind: str, *, beside: Model) -> Relative:
    """Its short name does where both are of the same namespace."""
    is_near = one.namespace_id == beside.namespace_id
    return Relative(
        kind=kind,
        title=one.name if is_near else one.full_name,
        url=reverse("marketplace:model", args=[one.namespace.name, one.name]),
    )
