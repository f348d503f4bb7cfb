from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from apps.accounts.selectors import list_members
from apps.accounts.types import Role
from apps.labeling.models import BLIND, FREE, AllocationRule, Image, Project
from apps.labeling.types import ImageState

if TYPE_CHECKING:
    from datetime import datetime

    from apps.accounts.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What somebody has to do in a project.

    Attributes:
        num_open: Images and copies that are hers and not submitted.
        num_overdue: Of them, due before now.
        next_due_at: The first of their deadlines; None without any.
    """

    person: "User"
    num_open: int
    num_overdue: int
    num_submitted: int
    next_due_at: "datetime | None"


def annotators_of(*, user: "User", project: Project) -> "list[User]":
    """Who may be given images of a project."""
    members = list_members(user=user, workspace_id=project.workspace_id)
    return [row.user for row in members if Role(row.role).allows(Role.ANNOTATOR)]


def workload_of(*, user: "User", project: Project) -> list[Workload]:
    """Of all who label in a project, in three queries."""
    documents = Image.documents.filter(project=project)
    is_open = ~Q(state=ImageState.SUBMITTED)
    rows = {
        pk: (num, overdue, due)
        for pk, num, overdue, due in documents.filter(is_open, assignee__isnull=False)
        .values_list("assignee_id")
        .annotate(
            num=Count("pk"),
            overdue=Count("pk", filter=Q(due_at__lt=timezone.now())),
            due=Min("due_at"),
        )
        .order_by()
    }
    submitted = dict(
        documents.filter(state=ImageState.SUBMITTED, submitted_by__isnull=False)
        .values_list("submitted_by_id")
        .annotate(num=Count("pk"))
        .order_by()
    )
    found = []
    for person in annotators_of(user=user, project=project):
        num_open, num_overdue, due = rows.get(person.pk, (0, 0, None))
        found.append(
            Workload(
                person=person,
                num_open=num_open,
                num_overdue=num_overdue,
                num_submitted=submitted.get(person.pk, 0),
                next_due_at=due,
            )
        )
    return found


def count_free(*, project_id: int) -> int:
    """Images that whoever asks may get."""
    images = Image.objects.filter(FREE, project_id=project_id).exclude(BLIND)
    return images.exclude(state=ImageState.SUBMITTED).count()


def list_rules(*, project_id: int) -> QuerySet[AllocationRule]:
    rules = AllocationRule.objects.filter(project_id=project_id)
    return rules.select_related("label").prefetch_related("people")
