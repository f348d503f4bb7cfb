from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Lower

from apps.core.parsers import number
from apps.labeling.formats.geometry import BBox
from apps.labeling.models import (
    BLIND,
    FREE,
    Annotation,
    Image,
    OperationLog,
    Prediction,
    Remark,
)
from apps.labeling.types import ImageOrder, ImageState, Review, Wanted

if TYPE_CHECKING:
    from apps.accounts.models import User

EVERY_IMAGE = Wanted()


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where an image stands in its project, by upload order; the first has index 1."""

    index: int
    count: int
    previous_id: int | None
    next_id: int | None


# Which layer a box is of, its corners, its label's colour.
Boxed = tuple[str, BBox, str]
TO_REVIEW = "to_review"
# What a reviewer chooses among; whatever waits for her is submitted and not judged.
REVIEWS = {
    TO_REVIEW: Q(state=ImageState.SUBMITTED, review=Review.OPEN),
    Review.ACCEPTED.value: Q(review=Review.ACCEPTED),
    Review.SENT_BACK.value: Q(review=Review.SENT_BACK),
}


def list_images(
    *,
    project_id: int,
    wanted: Wanted = EVERY_IMAGE,
    is_for_annotators: bool = False,
) -> QuerySet[Image]:
    """A project's images; for annotators without what they must not see."""
    images = Image.objects.filter(project_id=project_id)
    if is_for_annotators:
        images = images.exclude(BLIND)
    if wanted.assignee is not None:
        images = images.filter(assignee=wanted.assignee)
    if wanted.state:
        images = images.filter(state=wanted.state)
    if wanted.review:
        images = images.filter(REVIEWS[wanted.review])
    if wanted.split:
        images = images.filter(split=wanted.split)
    if wanted.name:
        images = images.filter(name__icontains=wanted.name)
    if wanted.text:
        images = images.filter(said__contains=Lower(Value(wanted.text)))
    images = images.filter(*on_image(wanted.label, wanted.min_score, wanted.max_score))
    if wanted.order is ImageOrder.DOUBT:
        return images.filter(doubt__isnull=False).order_by("-doubt", "pk")
    return images.order_by("pk")


def on_image(
    label: int | None, min_score: float | None, max_score: float | None
) -> list[Q]:
    """What is drawn or proposed on an image: of a label, or scored between two values."""
    if min_score is not None or max_score is not None:
        low, high = min_score or 0, 1 if max_score is None else max_score
        _drawn, proposals = _of_label(label)
        return [Q(Exists(proposals.filter(score__gte=low, score__lte=high)))]
    if label is not None:
        drawn, proposals = _of_label(label)
        return [Q(Exists(drawn)) | Q(Exists(proposals))]
    return []


def _of_label(
    label: int | None,
) -> tuple[QuerySet[Annotation], QuerySet[Prediction]]:
    """What of a label, or of any, is drawn and proposed on the image of the query around."""
    same: dict[str, Any] = {"image_id": OuterRef("pk")}
    if label is not None:
        same["label_id"] = label
    drawn, proposals = (
        Annotation.objects.filter(**same),
        Prediction.objects.filter(**same),
    )
    return drawn.order_by(), proposals.order_by()


def count_listed(
    *, project_id: int, wanted: Wanted, is_for_annotators: bool = False
) -> int:
    """How long a list is.

    Images on which a label is drawn, and others on which it is proposed, are counted
    apart: asked for either, PostgreSQL goes through them one by one, in twice the time.
    """
    is_scored = wanted.min_score is not None or wanted.max_score is not None
    is_by_label = wanted.label is not None and not is_scored
    images = list_images(
        project_id=project_id,
        wanted=replace(wanted, label=None) if is_by_label else wanted,
        is_for_annotators=is_for_annotators,
    )
    if not is_by_label:
        return images.count()
    drawn, proposals = _of_label(wanted.label)
    others = images.exclude(Exists(drawn)).filter(Exists(proposals))
    return images.filter(Exists(drawn)).count() + others.count()


def list_known(*, project_id: int, hashes: Collection[str]) -> QuerySet[Image]:
    """The project's images that have one of these SHA-256; their ids and hashes."""
    images = Image.objects.filter(project_id=project_id, sha256__in=hashes)
    return images.only("id", "sha256").order_by("pk")


def from_place(images: QuerySet[Image], first: int, num: int) -> list[Image]:
    """Some of a list from a place on, counted from 0; only their rows are read whole."""
    ids = images.values("pk")[first : first + num]
    return list(Image.objects.filter(pk__in=ids).order_by(*images.query.order_by))


def place_of(images: QuerySet[Image], text: str) -> int | None:
    """Where in a list an image stands, counted from 1, by its number there or its name.

    Of several names that fit, the first that begins so, else the first that contains it.
    """
    place = number(text)
    if place and str(place) == text and place <= images.count():
        return place
    begins, contains = Q(name__istartswith=text), Q(name__icontains=text)
    found = images.filter(begins).first() or images.filter(contains).first()
    if found is None:
        return None
    before = Q(pk__lt=found.pk)
    if "-doubt" in images.query.order_by:
        before = Q(doubt__gt=found.doubt) | Q(doubt=found.doubt, pk__lt=found.pk)
    return images.filter(before).count() + 1


def count_unsubmitted(image_ids: Collection[int]) -> int:
    """How many of these images are still to be handed in; deleted ones are not."""
    images = Image.objects.filter(pk__in=image_ids)
    return images.exclude(state=ImageState.SUBMITTED).count()


def boxes_of(images: Iterable[Image]) -> dict[int, list[Boxed]]:
    """What overlays draw on each image, in two queries however many there are.

    Proposals are drawn above annotations, and only while the image is open.
    """
    rows = list(images)
    found: dict[int, list[Boxed]] = {image.pk: [] for image in rows}
    open_ids = [image.pk for image in rows if image.state != ImageState.SUBMITTED]
    layers: list[tuple[str, QuerySet[Annotation] | QuerySet[Prediction]]] = [
        ("annotation", Annotation.objects.filter(image__in=list(found))),
        ("proposal", Prediction.objects.filter(image__in=open_ids)),
    ]
    for kind, boxes in layers:
        fields = boxes.values_list("image_id", "x1", "y1", "x2", "y2", "label__color")
        for image_id, x1, y1, x2, y2, color in fields:
            found[image_id].append((kind, (x1, y1, x2, y2), color))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A project's images.

    Attributes:
        states: By state; states without images count 0.
        reviews: By what reviewers said, and those that wait for them.
    """

    states: dict[str, int]
    reviews: dict[str, int]

    @property
    def num_images(self) -> int:
        return sum(self.states.values())


def count_images(*, project_id: int) -> Counts:
    """Count a project's images by state and by review, in one query."""
    rows = (
        Image.objects.filter(project_id=project_id)
        .values_list("state", "review")
        .annotate(num=Count("*"))
        .order_by()
    )
    states = dict.fromkeys((state.value for state in ImageState), 0)
    reviews = dict.fromkeys(REVIEWS, 0)
    for state, review, num in rows:
        states[state] += num
        if review:
            reviews[review] += num
        elif state == ImageState.SUBMITTED:
            reviews[TO_REVIEW] += num
    return Counts(states=states, reviews=reviews)


def position_of(image: Image) -> Position:
    """A copy stands where its image does; its neighbours are open to annotators."""
    pk = image.pool_id
    images = Image.objects.filter(project_id=image.project_id)
    counts = images.aggregate(
        count=Count("pk"), before=Count("pk", filter=Q(pk__lt=pk))
    )
    images = images.exclude(BLIND)
    before = images.filter(pk__lt=pk)
    return Position(
        index=counts["before"] + 1,
        count=counts["count"],
        previous_id=before.order_by("-pk").values_list("pk", flat=True).first(),
        next_id=images.filter(pk__gt=pk)
        .order_by("pk")
        .values_list("pk", flat=True)
        .first(),
    )


def own_copy(*, user: "User", image_id: int) -> int | None:
    """The user's copy of an image; None without one."""
    copies = Image.documents.filter(
        copy_of=image_id, assignee=user, project__archived_at=None
    )
    return copies.values_list("pk", flat=True).first()


def next_to_review(*, project_id: int, after_id: int = 0) -> int | None:
    """Return the next image that is submitted and not judged, going round once."""
    place = Case(When(pk__gt=after_id, then=Value(0)), default=Value(1))
    waiting = list_images(project_id=project_id, wanted=Wanted(review=TO_REVIEW))
    return waiting.order_by(place, "pk").values_list("pk", flat=True).first()


def list_remarks(*, image_id: int) -> QuerySet[Remark]:
    """What was said of an image: what is open before what is settled, newest first."""
    rows = Remark.objects.filter(image_id=image_id).select_related("author")
    return rows.order_by(F("settled_at").desc(nulls_first=True), "-pk")


def my_queue(*, user: "User", workspace_id: int, limit: int = 8) -> list[Image]:
    """Images that wait for somebody: her own, sent back first, then what is free."""
    is_mine = Q(assignee=user)
    waiting = (
        Image.documents.filter(
            project__workspace_id=workspace_id,
            project__archived_at=None,
            project__workspace__memberships__user=user,
        )
        .filter(is_mine | (Q(copy_of=None) & FREE & ~BLIND))
        .exclude(state=ImageState.SUBMITTED)
        .select_related("project")
    )
    place = Case(
        When(is_mine & Q(review=Review.SENT_BACK), then=Value(0)),
        When(is_mine, then=Value(1)),
        default=Value(2),
    )
    return list(
        waiting.order_by(
            place, F("due_at").asc(nulls_last=True), "-urgency", "state", "pk"
        )[:limit]
    )


def list_history(*, image_id: int) -> QuerySet[OperationLog]:
    return (
        OperationLog.objects.filter(image_id=image_id)
        .select_related("user")
        .order_by("-revision")
    )
