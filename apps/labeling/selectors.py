from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Prefetch, Q, QuerySet

from apps.accounts.selectors import check_role, role_in
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.labeling.models import Annotation, Image, Label, OperationLog, Project
from apps.labeling.types import ImageState

if TYPE_CHECKING:
    from apps.accounts.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where an image stands in its project, by upload order."""

    index: int
    count: int
    previous_id: int | None
    next_id: int | None


def list_projects(
    *, user: "User", workspace_id: int | None = None
) -> QuerySet[Project]:
    """The user's projects, newest first, with ``num_images`` and ``num_submitted``."""
    projects = Project.objects.visible_to(user)
    if workspace_id is not None:
        projects = projects.filter(workspace_id=workspace_id)
    is_submitted = Q(images__state=ImageState.SUBMITTED)
    return projects.annotate(
        num_images=Count("images", distinct=True),
        num_submitted=Count("images", filter=is_submitted, distinct=True),
    ).order_by("-pk")


def access_project(
    *, user: "User", project_id: int, needs: Role = Role.VIEWER
) -> Project:
    """Return a project that the user may act on.

    Raises:
        NotFoundError: No such project, archived, or of strangers.
        RoleTooLowError: A member whose role does not reach.
    """
    project = (
        Project.objects.filter(pk=project_id, archived_at=None)
        .select_related("workspace")
        .first()
    )
    _check(user, project.workspace_id if project else None, needs, "project")
    assert project is not None
    return project


def access_image(
    *, user: "User", image_id: int, needs: Role = Role.VIEWER, lock: bool = False
) -> Image:
    """Return an image that the user may act on, with its project.

    Raises:
        NotFoundError: No such image, or of strangers.
        RoleTooLowError: A member whose role does not reach.
    """
    images = Image.objects.select_related("project").filter(project__archived_at=None)
    if lock:
        images = images.select_for_update(of=("self",))
    image = images.filter(pk=image_id).first()
    _check(user, image.project.workspace_id if image else None, needs, "image")
    assert image is not None
    return image


def _check(user: "User", workspace_id: int | None, needs: Role, what: str) -> None:
    role = role_in(user=user, workspace_id=workspace_id) if workspace_id else None
    if role is None:
        raise NotFoundError(f"{what} not found")
    check_role(role, needs)


def list_labels(*, project_id: int) -> QuerySet[Label]:
    return Label.objects.filter(project_id=project_id)


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
        index=counts["before"],
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
