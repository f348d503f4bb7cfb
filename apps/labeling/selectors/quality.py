"""How far a project's labels can be trusted, and whose to look at."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db.models import Count, F, Max, Q

from apps.labeling.agreement.intervals import Estimate, alpha_of, mean_of
from apps.labeling.models import Image, Merge
from apps.labeling.selectors.comparing import (
    Compared,
    Mark,
    compare,
    list_answers,
    list_shared,
    mark,
)
from apps.labeling.selectors.pace import Pace, pace_of
from apps.labeling.types import ImageState, Review

if TYPE_CHECKING:
    from apps.accounts.models import User

KEPT_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """How one annotator works.

    Attributes:
        agreement: Mean F1 with the others on shared images.
        tests: Mean F1 against the truth.
        num_tests: Of it, in images.
        s_per_change: Active seconds for a shape drawn or changed; None without any.
    """

    user: "User"
    num_submitted: int
    num_sent_back: int
    pace: Pace
    agreement: Estimate | None
    tests: Estimate | None
    num_missed: int
    num_extra: int
    num_confused: int

    @property
    def s_per_change(self) -> float | None:
        pace = self.pace
        return pace.active_s / pace.num_changes if pace.num_changes else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What is known of a project's labels.

    Attributes:
        f1: Agreement of pairs of people, over shared images.
        alpha: Krippendorff's, over the objects that anybody saw.
        least_alike: Shared images that are not merged, least agreement first.
        num_shared: Images that several people are to label.
        num_ready: Of them, all submitted and not merged.
        num_merged: Of them, merged.
        disputed: Merged ones that a reviewer has to decide, by id.
        num_truths: Images that test people.
    """

    f1: Estimate | None
    alpha: Estimate | None
    least_alike: Sequence[Compared]
    num_shared: int
    num_ready: int
    num_merged: int
    disputed: Sequence[int]
    num_truths: int
    cards: Sequence[Card]


def quality_of(*, project_id: int, num_least_alike: int = 12) -> Quality:
    compared, tests = _measured(project_id)
    counts = _counts(project_id)
    open_ids = set(
        Image.objects.filter(pk__in=[one.image_id for one in compared])
        .exclude(state=ImageState.SUBMITTED)
        .values_list("pk", flat=True)
    )
    least = sorted(
        (one for one in compared if one.image_id in open_ids and one.f1 < 1),
        key=lambda one: (one.f1, one.image_id),
    )
    return Quality(
        f1=mean_of([one.f1 for one in compared]),
        alpha=alpha_of([one.tally for one in compared]),
        least_alike=least[:num_least_alike],
        cards=_cards(project_id, compared, tests),
        **counts,
    )


def _measured(project_id: int) -> tuple[list[Compared], list[Mark]]:
    """Compare what is submitted, anew only where any of it changed."""
    told = Image.documents.filter(
        Q(copy_of__isnull=False) | Q(is_truth=True), project_id=project_id
    ).aggregate(num=Count("pk"), last=Max("updated_at"))
    last = told["last"].timestamp() if told["last"] else 0
    key = f"labeling.quality.{project_id}.{told['num']}.{last}"
    found: tuple[list[Compared], list[Mark]] | None = cache.get(key)
    if found is None:
        found = (
            [compare(one) for one in list_shared(project_id=project_id)],
            [mark(one) for one in list_answers(project_id=project_id)],
        )
        cache.set(key, found, KEPT_S)
    return found


def _counts(project_id: int) -> dict[str, Any]:
    merged = Merge.objects.filter(image__project_id=project_id, undone_at=None)
    num_submitted = Count("pk", filter=Q(state=ImageState.SUBMITTED), distinct=True)
    shared = Image.objects.filter(project_id=project_id, num_people__gt=1)
    counted = shared.aggregate(num_shared=Count("pk"), num_submitted=num_submitted)
    full = (
        Image.documents.filter(
            project_id=project_id,
            copy_of__num_people__gt=1,
            state=ImageState.SUBMITTED,
        )
        .exclude(copy_of__state=ImageState.SUBMITTED)
        .exclude(copy_of__merges__in=merged)
        .values("copy_of", "copy_of__num_people")
        .annotate(num=Count("pk"))
        .filter(num__gte=F("copy_of__num_people"))
    )
    disputed = merged.filter(num_disputed__gt=0).exclude(
        image__state=ImageState.SUBMITTED
    )
    return {
        "num_shared": counted["num_shared"],
        "num_merged": counted["num_submitted"],
        "num_ready": full.count(),
        "disputed": sorted(set(disputed.values_list("image_id", flat=True))),
        "num_truths": Image.objects.filter(
            project_id=project_id, is_truth=True
        ).count(),
    }


def _cards(
    project_id: int, compared: Sequence[Compared], tests: Sequence[Mark]
) -> list[Card]:
    """A card for everybody who has submitted or drawn, the busiest first."""
    paces = pace_of(project_id=project_id)
    submitted = (
        Image.documents.filter(project_id=project_id, submitted_by__isnull=False)
        .values_list("submitted_by")
        .annotate(
            num=Count("pk", filter=Q(state=ImageState.SUBMITTED)),
            num_back=Count("pk", filter=Q(review=Review.SENT_BACK)),
        )
        .order_by()
    )
    handed_in = {pk: (num, num_back) for pk, num, num_back in submitted}
    alike: dict[int, list[float]] = defaultdict(list)
    for one in compared:
        for person, f1 in one.f1_by_person.items():
            alike[person].append(f1)
    tested: dict[int, list[Mark]] = defaultdict(list)
    for result in tests:
        tested[result.user_id].append(result)
    people = _people(paces.keys() | handed_in.keys() | alike.keys() | tested.keys())
    cards = [
        Card(
            user=people[pk],
            num_submitted=handed_in.get(pk, (0, 0))[0],
            num_sent_back=handed_in.get(pk, (0, 0))[1],
            pace=paces.get(pk, Pace(active_s=0, num_changes=0)),
            agreement=mean_of(alike[pk]),
            tests=mean_of([row.f1 for row in tested[pk]]),
            num_missed=sum(row.num_missed for row in tested[pk]),
            num_extra=sum(row.num_extra for row in tested[pk]),
            num_confused=sum(row.num_confused for row in tested[pk]),
        )
        for pk in people
    ]
    return sorted(cards, key=lambda card: (-card.num_submitted, card.user.pk))


def _people(ids: Iterable[int]) -> "dict[int, User]":
    return get_user_model().objects.in_bulk(list(ids))
