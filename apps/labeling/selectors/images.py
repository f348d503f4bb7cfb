from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Prefetch, Q, QuerySet

from apps.labeling.models import Annotation, Image, OperationLog
from apps.labeling.types import ImageState

if TYPE_CHECKING:
    from apps.accounts.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where an image stands in its project, by upload order; the first has index 1."""

    index: int
    count: int
    previous_id: int | None
    next_id: int | None


def list_images(*, project_id: int, state: str = "", name: str = "") -> QuerySet[Image]:
    """A project's images in upload order."""
    images = Image.objects.filter(project_id=project_id)
    if state:
        images = images.filter(state=state)
    if name:
        images = images.filter(name__icontains=name)
    return images.order_by("pk")


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


def next_to_label(*, project_id: int, after_id: int = 0) -> int | None:
    """Return the next image that is not submitted, going round once."""
    waiting = Image.objects.filter(project_id=project_id).exclude(
        state=ImageState.SUBMITTED
    )
    ids = waiting.order_by("pk").values_list("pk", flat=True)
    return ids.filter(pk__gt=after_id).first() or ids.first()


def my_queue(*, user: "User", workspace_id: int, limit: int = 8) -> list[Image]:
    """Images that wait for somebody to finish them, begun ones first."""
    waiting = (
        Image.objects.filter(
            project__workspace_id=workspace_id,
            project__archived_at=None,
            project__workspace__memberships__user=user,
        )
        .exclude(state=ImageState.SUBMITTED)
        .select_related("project")
    )
    return list(waiting.order_by("state", "pk")[:limit])


def list_history(*, image_id: int) -> QuerySet[OperationLog]:
    return (
        OperationLog.objects.filter(image_id=image_id)
        .select_related("user")
        .order_by("-revision")
    )
