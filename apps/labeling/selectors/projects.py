from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models import Count, Exists, Max, Q, QuerySet
from django.utils import timezone

from apps.labeling.models import Image, Label, Project
from apps.labeling.types import ImageState

if TYPE_CHECKING:
    from apps.accounts.models import User


def list_projects(
    *, user: "User", workspace_id: int | None = None
) -> QuerySet[Project]:
    """The user's projects, newest first, with their images counted by progress."""
    projects = Project.objects.visible_to(user)
    if workspace_id is not None:
        projects = projects.filter(workspace_id=workspace_id)
    is_submitted = Q(images__state=ImageState.SUBMITTED)
    is_own = Q(images__copy_of=None)
    return projects.annotate(
        num_images=Count("images", filter=is_own, distinct=True),
        num_submitted=Count("images", filter=is_own & is_submitted, distinct=True),
        num_open=Count("images", filter=is_own & ~is_submitted, distinct=True),
    ).order_by("-pk")


def name_projects(*, user: "User", workspace_id: int) -> QuerySet[Project, Any]:
    """Number and name of a workspace's projects, newest first, without counting."""
    projects = Project.objects.visible_to(user).filter(workspace_id=workspace_id)
    return projects.order_by("-pk").values_list("pk", "name")


def list_labels(*, project_id: int) -> QuerySet[Label]:
    return Label.objects.filter(project_id=project_id)


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
    is_own = Q(annotation__image__copy_of=None)
    labels = list_labels(project_id=project_id).annotate(
        num_objects=Count("annotation", filter=is_own),
        num_images=Count("annotation__image", filter=is_own, distinct=True),
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
        Image.documents.filter(
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
        Image.documents.filter(
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
