"""Threads that a person may read, and how well the promise is kept."""

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import TruncMonth
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.marketplace.feedback.models import Message, Thread
from apps.marketplace.feedback.types import Kept, State
from apps.marketplace.models import Model
from apps.marketplace.selectors.subjects import finds_subject
from apps.marketplace.types import Kind, Subject

if TYPE_CHECKING:
    from apps.accounts.models import User

MONTHS = 12
PUBLISHING = [Role.ANNOTATOR, Role.REVIEWER, Role.MANAGER, Role.OWNER]


@finds_subject("repository")
def repository_of_data(user: "User", repository_id: int) -> Subject:
    """A repository of a dataset's files; a model's threads have pages of their own."""
    models = Model.objects.visible_to(user).filter(kind=Kind.DATASET)
    found = models.filter(pk=repository_id).select_related("namespace").first()
    if found is None:
        raise NotFoundError(_("there is no such repository for you"))
    return subject_of(found)


def subject_of(model: Model) -> Subject:
    """A repository as what a thread is about."""
    return Subject(
        kind="model",
        id=model.pk,
        name=model.full_name,
        workspace_id=model.namespace.workspace_id,
    )


def threads_about(subject: Subject) -> QuerySet[Thread]:
    if subject.kind == "model":
        return Thread.objects.filter(model=subject.id)
    return Thread.objects.filter(
        model=None, subject_kind=subject.kind, subject_id=subject.id
    )


def list_threads(*, subject: Subject, state: str = "") -> QuerySet[Thread]:
    """The threads about something, those that wait for their first answer first."""
    found = threads_about(subject).select_related("author", "assignee")
    if state:
        found = found.filter(state=state)
    waiting_first = F("answered_at").desc(nulls_first=True)
    return found.order_by(waiting_first, "-updated_at", "-pk")


def access_thread(*, subject: Subject, thread_id: int) -> Thread:
    """Return a thread about something that the caller has been let in to.

    Raises:
        NotFoundError: It has no such thread.
    """
    rows = threads_about(subject).select_related(
        "author", "assignee", "model__namespace"
    )
    thread = rows.filter(pk=thread_id).first()
    if thread is None:
        raise NotFoundError(_("there is no such thread"))
    return thread


def list_messages(thread: Thread) -> QuerySet[Message]:
    return thread.messages.select_related("author").order_by("pk")


def speaks_for(user: "User", subject: Subject) -> bool:
    """Whether an answer of this person counts as the promised one."""
    if subject.workspace_id is None:
        return user.is_staff
    mine = user.memberships.filter(workspace=subject.workspace_id)
    return mine.filter(role__in=PUBLISHING).exists()


def speakers(subject: Subject) -> QuerySet["User"]:
    """Those whom a thread can be assigned to."""
    people = get_user_model().objects.filter(is_active=True)
    workspace_id = subject.workspace_id
    if workspace_id is None:
        return people.filter(is_staff=True).order_by("email")
    return people.filter(
        memberships__workspace=workspace_id, memberships__role__in=PUBLISHING
    ).order_by("email")


def late_threads() -> QuerySet[Thread]:
    """Those whose first answer is overdue and whose owners have not been told."""
    return Thread.objects.filter(
        answered_at=None,
        reminded_at=None,
        answer_due_at__lt=timezone.now(),
        model__deleted_at=None,
    ).exclude(state=State.DONE)


def promise_kept() -> list[Kept]:
    """Count, month by month, newest first, how many first answers came in time.

    A thread counts once it was answered or its time is over. Only numbers: whoever
    reads them learns nothing of a repository.
    """
    is_due = Q(answered_at__isnull=False) | Q(answer_due_at__lt=timezone.now())
    rows = (
        Thread.objects.filter(is_due)
        .annotate(month=TruncMonth("created_at"))
        .values("month")
        .annotate(
            due=Count("pk"),
            kept=Count("pk", filter=Q(answered_at__lte=F("answer_due_at"))),
        )
        .order_by("-month")[:MONTHS]
    )
    return [
        Kept(month=row["month"].date(), num_due=row["due"], num_kept=row["kept"])
        for row in rows
    ]
