from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models import Count, Exists, Max, OuterRef, Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.selectors import check_role, role_in
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.labeling.models import (
    Annotation,
    Image,
    Label,
    OperationLog,
    Prediction,
    Project,
    Verdict,
)
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


def list_projects(
    *, user: "User", workspace_id: int | None = None
) -> QuerySet[Project]:
    """The user's projects, newest first, with their images counted by progress."""
    projects = Project.objects.visible_to(user)
    if workspace_id is not None:
        projects = projects.filter(workspace_id=workspace_id)
    is_submitted = Q(images__state=ImageState.SUBMITTED)
    return projects.annotate(
        num_images=Count("images", distinct=True),
        num_submitted=Count("images", filter=is_submitted, distinct=True),
        num_open=Count("images", filter=~is_submitted, distinct=True),
    ).order_by("-pk")


def name_projects(*, user: "User", workspace_id: int) -> QuerySet[Project, Any]:
    """Number and name of a workspace's projects, newest first, without counting."""
    projects = Project.objects.visible_to(user).filter(workspace_id=workspace_id)
    return projects.order_by("-pk").values_list("pk", "name")


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
    _check(
        user, project.workspace_id if project else None, needs, _("project not found")
    )
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
    _check(
        user, image.project.workspace_id if image else None, needs, _("image not found")
    )
    assert image is not None
    return image


def _check(user: "User", workspace_id: int | None, needs: Role, absent: str) -> None:
    role = role_in(user=user, workspace_id=workspace_id) if workspace_id else None
    if role is None:
        raise NotFoundError(absent)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How much of one label a project has.

    Attributes:
        num_objects: Annotations that carry it.
        num_images: Images with at least one of them.
    """

    label: Label
    num_objects: int
    num_images: int


def count_labels(*, project_id: int) -> list[Progress]:
    """What is labeled, class by class, in the project's own order."""
    labels = list_labels(project_id=project_id).annotate(
        num_objects=Count("annotation"),
        num_images=Count("annotation__image", distinct=True),
    )
    return [
        Progress(
            label=label, num_objects=label.num_objects, num_images=label.num_images
        )
        for label in labels
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """How many images one person submitted in one project lately."""

    project_id: int
    project: str
    person: str
    num_images: int
    last_at: datetime


def recent_submissions(
    *, user: "User", workspace_id: int, days: int = 7, limit: int = 6
) -> list[Submission]:
    """Who submitted images where in the last days, the latest first."""
    rows = (
        Image.objects.filter(
            project__in=Project.objects.visible_to(user).filter(
                workspace_id=workspace_id
            ),
            submitted_at__gt=timezone.now() - timedelta(days=days),
            submitted_by__isnull=False,
        )
        .values_list(
            "project_id", "project__name", "submitted_by__name", "submitted_by__email"
        )
        .annotate(num=Count("pk"), last=Max("submitted_at"))
        .order_by("-last")
    )
    return [
        Submission(
            project_id=project_id,
            project=project,
            person=name or email,
            num_images=num,
            last_at=last,
        )
        for project_id, project, name, email, num, last in rows[:limit]
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSteps:
    """What a workspace has done once; the checklist of its first days."""

    has_project: bool
    has_images: bool
    has_proposals: bool
    has_submitted: bool

    @property
    def is_complete(self) -> bool:
        return self.has_submitted and self.has_proposals


def first_steps(*, user: "User", workspace_id: int) -> FirstSteps:
    projects = Project.objects.visible_to(user).filter(workspace_id=workspace_id)
    images = Image.objects.filter(project__in=projects)
    found = get_user_model().objects.values(
        has_project=Exists(projects),
        has_images=Exists(images),
        has_proposals=Exists(images.filter(num_predictions__gt=0)),
        has_submitted=Exists(images.filter(state=ImageState.SUBMITTED)),
    )
    return FirstSteps(**found.get(pk=user.pk))


def submitted_by_day(
    *, user: "User", workspace_id: int, days: int = 14
) -> dict[date, int]:
    """How many images were submitted on each of the last days, today last."""
    today = timezone.localdate()
    first = today - timedelta(days=days - 1)
    rows = (
        Image.objects.filter(
            project__in=Project.objects.visible_to(user).filter(
                workspace_id=workspace_id
            ),
            submitted_at__date__gte=first,
        )
        .values_list("submitted_at__date")
        .annotate(num=Count("pk"))
        .order_by()
    )
    found = dict(rows)
    return {
        day: found.get(day, 0)
        for day in (first + timedelta(days=at) for at in range(days))
    }


def list_open_proposals(
    *, project_id: int, label_id: int | None = None, min_score: float = 0.0
) -> QuerySet[Prediction]:
    """Proposals that nobody has judged yet, on images that are not submitted."""
    same = {"image_id": OuterRef("image_id"), "uid": OuterRef("uid")}
    rows = (
        Prediction.objects.filter(image__project_id=project_id, score__gte=min_score)
        .exclude(image__state=ImageState.SUBMITTED)
        .exclude(Exists(Verdict.objects.filter(**same)))
        .exclude(Exists(Annotation.objects.filter(**same)))
        .select_related("image")
    )
    return rows if label_id is None else rows.filter(label_id=label_id)


def count_open_proposals(*, project_id: int) -> dict[int, list[float]]:
    """The scores of the proposals that wait for a verdict, by label."""
    rows = list_open_proposals(project_id=project_id).values_list("label_id", "score")
    scores: dict[int, list[float]] = {}
    for label_id, score in rows:
        scores.setdefault(label_id, []).append(round(score, 3))
    return scores


def list_judged(image: Image) -> QuerySet[Prediction]:
    """An image's proposals, each with ``is_rejected``."""
    wrong = Verdict.objects.filter(
        image_id=OuterRef("image_id"), uid=OuterRef("uid"), is_right=False
    )
    return image.predictions.annotate(is_rejected=Exists(wrong))


def list_history(*, image_id: int) -> QuerySet[OperationLog]:
    return (
        OperationLog.objects.filter(image_id=image_id)
        .select_related("user")
        .order_by("-revision")
    )
