"""Threads about models, data and deployments: opened, answered, assigned, settled, reminded of."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.core.errors import ForbiddenError, NotFoundError
from apps.core.happenings import tell as tell_of
from apps.core.queue import enqueue
from apps.marketplace.feedback import selectors
from apps.marketplace.feedback.errors import EmptyMessageError
from apps.marketplace.feedback.models import Message, Thread
from apps.marketplace.feedback.types import PROMISE, Change, State
from apps.marketplace.types import Kind, Subject

if TYPE_CHECKING:
    from apps.accounts.models import User

MAX_CHARS = 20_000
_RESPONSIBLE = (Role.OWNER, Role.MANAGER)


@transaction.atomic
def open_thread(
    *, user: "User", subject: Subject, title: str, text: str, about: str = ""
) -> Thread:
    """Ask, report or wish something; the clock of the first answer starts.

    Raises:
        EmptyMessageError: Without a title or a text, or too long.
    """
    title, text = title.strip(), _checked(text)
    if not title or len(title) > 200:
        raise EmptyMessageError(_("a title has 1 to 200 characters"))
    thread = Thread.objects.create(
        **_columns(subject),
        title=title,
        about=about.strip()[:120],
        author=user,
        answer_due_at=timezone.now() + PROMISE,
    )
    message = Message.objects.create(thread=thread, author=user, text=text)
    _announce("thread.opened", thread, message)
    return thread


def _columns(subject: Subject) -> dict[str, Any]:
    if subject.kind == "model":
        return {"model_id": subject.id}
    return {
        "workspace_id": subject.workspace_id,
        "subject_kind": subject.kind,
        "subject_id": subject.id,
        "subject_name": subject.name[:200],
    }


@transaction.atomic
def answer(*, user: "User", thread: Thread, text: str) -> Message:
    """Write in a thread; the first word of who publishes there keeps the promise.

    Raises:
        EmptyMessageError: Empty, or too long.
    """
    text = _checked(text)
    thread = _locked(thread)
    message = Message.objects.create(thread=thread, author=user, text=text)
    is_theirs = selectors.speaks_for(user, thread.subject)
    if thread.answered_at is None and is_theirs and user != thread.author:
        thread.answered_at = message.created_at
    if is_theirs and user != thread.author and thread.state == State.OPEN:
        thread.state = State.ANSWERED.value
        _note(thread, user, Change.STATE, State.ANSWERED)
    thread.num_messages = F("num_messages") + 1
    thread.save(update_fields=["answered_at", "state", "num_messages", "updated_at"])
    _announce("thread.answered", thread, message)
    return message


@transaction.atomic
def set_state(*, user: "User", thread: Thread, state: State) -> Thread:
    """Say how a thread stands: its author may close and reopen it, publishers any.

    Raises:
        ForbiddenError: Neither its author nor somebody who publishes there.
    """
    is_own = user == thread.author and state in {State.DONE, State.OPEN}
    if not (is_own or selectors.speaks_for(user, thread.subject)):
        raise ForbiddenError(
            _("its author and those who publish here say how a thread stands")
        )
    thread = _locked(thread)
    if thread.state == state:
        return thread
    thread.state = state.value
    thread.save(update_fields=["state", "updated_at"])
    _announce("thread.changed", thread, _note(thread, user, Change.STATE, state))
    return thread


@transaction.atomic
def assign(*, user: "User", thread: Thread, assignee_id: int | None) -> Thread:
    """Give a thread to somebody who publishes there, or to nobody.

    Raises:
        ForbiddenError: The user does not publish there.
        NotFoundError: The other one does not.
    """
    if not selectors.speaks_for(user, thread.subject):
        raise ForbiddenError(_("those who publish here assign threads"))
    assignee = None
    if assignee_id is not None:
        assignee = selectors.speakers(thread.subject).filter(pk=assignee_id).first()
        if assignee is None:
            raise NotFoundError(_("nobody who publishes here has that number"))
    thread = _locked(thread)
    if thread.assignee_id == assignee_id:
        return thread
    thread.assignee = assignee
    thread.save(update_fields=["assignee", "updated_at"])
    note = _note(thread, user, Change.ASSIGNEE, str(assignee or ""))
    enqueue("feedback.tell", queue="io", message_id=note.pk)
    audit(
        action="thread.assigned",
        target=thread,
        actor=user,
        workspace_id=thread.subject.workspace_id,
        assignee=assignee.email if assignee else "",
    )
    return thread


def _locked(thread: Thread) -> Thread:
    rows = Thread.objects.select_related("model__namespace", "author")
    return rows.select_for_update(of=("self",)).get(pk=thread.pk)


def _note(thread: Thread, user: "User", change: Change, value: str) -> Message:
    """Say between the words what was changed."""
    return Message.objects.create(
        thread=thread, author=user, change=change.value, value=value[:254]
    )


def tell(message_id: int) -> None:
    """Send a message to its author's partners: who takes part, and who answers for it.

    A state is told to those who wrote, and that a thread was given to her to her alone.
    """
    message = Message.objects.select_related("thread__model__namespace").get(
        pk=message_id
    )
    thread = message.thread
    wrote = thread.messages.exclude(author=None).values_list("author__email", flat=True)
    people = {thread.assignee.email} if thread.assignee else set()
    if message.change != Change.ASSIGNEE:
        people |= set(wrote)
    if not message.change:
        people |= set(_responsible(thread))
    if message.author is not None:
        people.discard(message.author.email)
    name = "thread_changed" if message.change else "thread"
    _mail(thread, people, template=f"emails/{name}.txt", message=message)


def remind() -> int:
    """Tell the owners of every thread whose first answer is late, once.

    Returns:
        How many threads were told of.
    """
    num_told = 0
    for thread_id in selectors.late_threads().values_list("pk", flat=True):
        with transaction.atomic():
            thread = (
                Thread.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("model__namespace")
                .filter(pk=thread_id, reminded_at=None)
                .first()
            )
            if thread is None:
                continue
            thread.reminded_at = timezone.now()
            thread.save(update_fields=["reminded_at"])
        _mail(thread, set(_responsible(thread)), template="emails/thread_late.txt")
        num_told += 1
    return num_told


def _announce(event: str, thread: Thread, message: Message) -> None:
    enqueue("feedback.tell", queue="io", message_id=message.pk)
    tell_of(
        event,
        workspace_id=thread.subject.workspace_id,
        id=thread.pk,
        model=thread.subject.name,
        title=thread.title,
        text=message.text,
        state=thread.state,
    )


def _responsible(thread: Thread) -> list[str]:
    """Addresses of its workspace's owners and managers; of staff where it ships."""
    people = selectors.speakers(thread.subject)
    if thread.subject.workspace_id is not None:
        people = people.filter(memberships__role__in=_RESPONSIBLE)
    return list(people.values_list("email", flat=True))


def _mail(thread: Thread, people: set[str], **given: object) -> None:
    template = str(given.pop("template"))
    link = settings.PUBLIC_URL.rstrip("/") + _place(thread)
    context = {"thread": thread, "link": link, **given}
    text = render_to_string(template, context)
    for address in sorted(people):  # one each: nobody learns the others' addresses
        send_mail(
            subject=f"{thread.subject.name}: {thread.title}",
            message=text,
            from_email=None,
            recipient_list=[address],
            fail_silently=True,
        )


def _place(thread: Thread) -> str:
    """The address of its page."""
    model = thread.model
    if model is None:
        names = (thread.subject_kind, thread.subject_id)
        return reverse("marketplace:subject-thread", args=[*names, thread.pk])
    if model.kind == Kind.DATASET:
        names = ("repository", model.pk)
        return reverse("marketplace:subject-thread", args=[*names, thread.pk])
    return reverse(
        "marketplace:thread", args=[model.namespace.name, model.name, thread.pk]
    )


def _checked(text: str) -> str:
    text = text.strip()
    if not text or len(text) > MAX_CHARS:
        raise EmptyMessageError(
            _("a message has 1 to {most} characters").format(most=MAX_CHARS)
        )
    return text
