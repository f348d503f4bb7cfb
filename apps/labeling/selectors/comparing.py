"""What several people drew on the same images."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from uuid import UUID

from django.db.models import QuerySet

from apps.labeling.agreement.alpha import NOTHING, Tally, tally
from apps.labeling.agreement.drawn import Drawn
from apps.labeling.agreement.matching import Cluster, clusters
from apps.labeling.models import Annotation, Image
from apps.labeling.types import ImageState, ShapeKind

# An older comparison says little about how people work now.
NEWEST_COMPARED = 2000
DrawnBy = dict[int, list[Drawn]]  # by person


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """An image that several people have submitted, each in a copy.

    Attributes:
        copies: The copy of each person, by person.
    """

    image_id: int
    copies: Mapping[int, int]
    drawn: DrawnBy


def list_shared(
    *, project_id: int, image_ids: Iterable[int] | None = None
) -> list[Shared]:
    """Images with two submitted copies or more, the newest first, in two queries."""
    rows = _submitted_copies(project_id, image_ids, is_truth=False)
    copies: dict[int, dict[int, int]] = {}
    for pk, image_id, user_id in rows:
        copies.setdefault(image_id, {})[user_id] = pk
    chosen = [row for row in copies.items() if len(row[1]) > 1]
    drawn = drawn_on(pk for _image_id, row in chosen for pk in row.values())
    return [
        Shared(
            image_id=image_id,
            copies=row,
            drawn={user_id: drawn.get(pk, []) for user_id, pk in row.items()},
        )
        for image_id, row in chosen
    ]


def list_copies(*, image_id: int) -> QuerySet[Image]:
    """Everybody's copy of an image."""
    copies = Image.documents.filter(copy_of=image_id)
    return copies.select_related("assignee").order_by("pk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What somebody drew on an image whose truth is known."""

    user_id: int
    image_id: int
    drawn: list[Drawn]
    truth: list[Drawn]


def list_answers(*, project_id: int) -> list[Answer]:
    """Submitted answers to tests, the newest first, in two queries."""
    rows = list(_submitted_copies(project_id, None, is_truth=True))
    drawn = drawn_on({pk for row in rows for pk in row[:2]})
    return [
        Answer(
            user_id=user_id,
            image_id=image_id,
            drawn=drawn.get(pk, []),
            truth=drawn.get(image_id, []),
        )
        for pk, image_id, user_id in rows
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How alike the copies of one image are.

    Attributes:
        f1: Mean over all pairs of people.
        f1_by_person: Mean over the pairs that somebody is in.
    """

    image_id: int
    f1: float
    f1_by_person: dict[int, float]
    tally: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How one test came out.

    Attributes:
        num_missed: Objects of the truth that are not there.
        num_extra: Shapes that are no object of the truth.
        num_confused: Objects with a wrong label.
    """

    user_id: int
    image_id: int
    f1: float
    num_missed: int
    num_extra: int
    num_confused: int


def compare(shared: Shared) -> Compared:
    """Match all copies at once; each pair's F1 follows from the same clusters."""
    found = clusters(shared.drawn)
    people = sorted(shared.drawn)
    f1s = {pair: _pair_f1(found, shared, *pair) for pair in combinations(people, 2)}
    return Compared(
        image_id=shared.image_id,
        f1=fmean(f1s.values()),
        f1_by_person={
            person: fmean(f1 for pair, f1 in f1s.items() if person in pair)
            for person in people
        },
        tally=tally(_values(cluster, people) for cluster in found),
    )


def _pair_f1(found: Sequence[Cluster], shared: Shared, a: int, b: int) -> float:
    drawn = len(shared.drawn[a]) + len(shared.drawn[b])
    same = sum(
        a in row and b in row and row[a].label_id == row[b].label_id for row in found
    )
    return 2 * same / drawn if drawn else 1.0


def _values(cluster: Cluster, people: Sequence[int]) -> list[Hashable]:
    return [
        cluster[person].label_id if person in cluster else NOTHING for person in people
    ]


def mark(answer: Answer) -> Mark:
    pairs = clusters({0: answer.truth, 1: answer.drawn})
    both = [row for row in pairs if len(row) == 2]
    right = sum(row[0].label_id == row[1].label_id for row in both)
    drawn = len(answer.truth) + len(answer.drawn)
    return Mark(
        user_id=answer.user_id,
        image_id=answer.image_id,
        f1=2 * right / drawn if drawn else 1.0,
        num_missed=len(answer.truth) - len(both),
        num_extra=len(answer.drawn) - len(both),
        num_confused=len(both) - right,
    )


def _submitted_copies(
    project_id: int, image_ids: Iterable[int] | None, *, is_truth: bool
) -> list[tuple[int, int, int]]:
    """Copy, its image and its person."""
    copies = Image.documents.filter(
        project_id=project_id,
        copy_of__is_truth=is_truth,
        state=ImageState.SUBMITTED,
        assignee__isnull=False,
    )
    if image_ids is not None:
        copies = copies.filter(copy_of__in=list(image_ids))
    rows = copies.order_by("-copy_of", "pk")[: NEWEST_COMPARED * 3]
    return [
        (pk, image_id, user_id)
        for pk, image_id, user_id in rows.values_list("pk", "copy_of", "assignee")
        if image_id is not None
    ]


def drawn_on(document_ids: Iterable[int]) -> dict[int, list[Drawn]]:
    rows = Annotation.objects.filter(image__in=list(document_ids)).values_list(
        "image_id", "uid", "label_id", "kind", "x1", "y1", "x2", "y2", "packed",
        "image__width", "image__height",
    )  # fmt: skip
    found: dict[int, list[Drawn]] = {}
    for image_id, uid, label_id, kind, x1, y1, x2, y2, packed, width, height in rows:
        found.setdefault(image_id, []).append(
            Drawn(
                uid=UUID(str(uid)),
                label_id=label_id,
                kind=ShapeKind(kind),
                bbox=(x1, y1, x2, y2),
                packed=bytes(packed),
                side_px=max(width, height),
            )
        )
    return found
