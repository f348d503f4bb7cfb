from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import (
    Case,
    Count,
    F,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)

from apps.labeling.models import Annotation, Image, OperationLog, Remark
from apps.labeling.types import ImageState, Review

if TYPE_CHECKING:
    from apps.accounts.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where an image stands in its project, by upload order; the first has index 1."""

    index: int
    count: int
    previous_id: int | None
    next_id: int | None


TO_REVIEW = "to_review"
# What a reviewer chooses among; whatever waits for her is submitted and not judged.
REVIEWS = {
    TO_REVIEW: Q(state=ImageState.SUBMITTED, review=Review.OPEN),
    Review.ACCEPTED.value: Q(review=Review.ACCEPTED),
    Review.SENT_BACK.value: Q(review=Review.SENT_BACK),
}


def list_images(
    *, project_id: int, state: str = "", name: str = "", review: str = ""
) -> QuerySet[Image]:
    """A project's images in upload order."""
    images = Image.objects.filter(project_id=project_id)
    if state:
        images = images.filter(state=state)
    if review:
        images = images.filter(REVIEWS[review])
    if name:
        images = images.filter(name__icontains=name)
    return images.order_by("pk")


def count_unsubmitted(image_ids: Collection[int]) -> int:
    """How many of these images are still to be handed in; deleted ones are not."""
    images = Image.objects.filter(pk__in=image_ids)
    return images.exclude(state=ImageState.SUBMITTED).count()


def with_boxes(images: QuerySet[Image]) -> QuerySet[Image]:
    """Add what overlays draw, in two more queries however many images there are."""
    return images.prefetch_related(
        Prefetch("annotations", Annotation.objects.select_related("label")),
        "predictions__label",
    )


def count_states(*, project_id: int) -> dict[str, int]:
    """Images by state; states without images count 0."""
    rows = (
        Image.objects.filter(project_id=project_id)
        .values_list("state")
        .annotate(num=Count("pk"))
        .order_by()
    )
    return {**dict.fromkeys((state.value for state in ImageState), 0), **dict(rows)}


def count_reviews(*, project_id: int) -> dict[str, int]:
    """Images by what reviewers said, and those that wait for them."""
    counts = {name: Count("pk", filter=which) for name, which in REVIEWS.items()}
    return Image.objects.filter(project_id=project_id).aggregate(**counts)


def position_of(image: Image) -> Position:
    images = Image.objects.filter(project_id=image.project_id)
    before = images.filter(pk__lt=image.pk)
    counts = images.aggregate(
        count=Count("pk"), before=Count("pk", filter=Q(pk__lt=image.pk))
    )
    return Position(
        index=counts["before"] + 1,
        count=counts["count"],
        previous_id=before.order_by("-pk").values_list("pk", flat=True).first(),
        next_id=images.filter(pk__gt=image.pk)
        .order_by("pk")
        .values_list("pk", flat=True)
        .first(),
    )


def next_to_label(*, user: "User", project_id: int, after_id: int = 0) -> int | None:
    """Return the next image that is not submitted: first what came back to this user.

    After ``after_id`` comes the next one of the queue, going round once; the queue
    begins with what is most urgent, then goes by upload order.
    """
    waiting = Image.objects.filter(project_id=project_id).exclude(
        state=ImageState.SUBMITTED
    )
    last = Subquery(Image.objects.filter(pk=after_id).values("urgency"))
    place = Case(
        When(review=Review.SENT_BACK, submitted_by=user, then=Value(0)),
        When(last_urgency__isnull=True, then=Value(1)),
        When(urgency__lt=F("last_urgency"), then=Value(1)),
        When(urgency=F("last_urgency"), pk__gt=after_id, then=Value(1)),
        default=Value(2),
    )
    queue = waiting.annotate(last_urgency=last).order_by(place, "-urgency", "pk")
    return queue.values_list("pk", flat=True).first()


def next_to_review(*, project_id: int, after_id: int = 0) -> int | None:
    """Return the next image that is submitted and not judged, going round once."""
    place = Case(When(pk__gt=after_id, then=Value(0)), default=Value(1))
    waiting = list_images(project_id=project_id, review=TO_REVIEW)
    return waiting.order_by(place, "pk").values_list("pk", flat=True).first()


def list_remarks(*, image_id: int) -> QuerySet[Remark]:
    """What was said of an image: what is open before what is settled, newest first."""
    rows = Remark.objects.filter(image_id=image_id).select_related("author")
    return rows.order_by(F("settled_at").desc(nulls_first=True), "-pk")


def my_queue(*, user: "User", workspace_id: int, limit: int = 8) -> list[Image]:
    """Images that wait for somebody: sent back to them, urgent, begun, others."""
    waiting = (
        Image.objects.filter(
            project__workspace_id=workspace_id,
            project__archived_at=None,
            project__workspace__memberships__user=user,
        )
        .exclude(state=ImageState.SUBMITTED)
        .select_related("project")
    )
    is_back = Q(review=Review.SENT_BACK, submitted_by=user)
    place = Case(When(is_back, then=Value(0)), default=Value(1))
    return list(waiting.order_by(place, "-urgency", "state", "pk")[:limit])


def list_history(*, image_id: int) -> QuerySet[OperationLog]:
    return (
        OperationLog.objects.filter(image_id=image_id)
        .select_related("user")
        .order_by("-revision")
    )
