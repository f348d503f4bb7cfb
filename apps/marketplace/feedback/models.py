from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.models import TimeStamped
from apps.marketplace.feedback.types import Change, State
from apps.marketplace.types import Subject

STATE_CHOICES = [
    (State.OPEN.value, _("open")),
    (State.ANSWERED.value, _("answered")),
    (State.PLANNED.value, _("planned")),
    (State.DONE.value, _("done")),
]

CHANGE_CHOICES = [
    (Change.STATE.value, _("state")),
    (Change.ASSIGNEE.value, _("assignee")),
]


class Thread(TimeStamped):
    """A question, a report or a wish about a repository, or about another room's thing.

    Attributes:
        model: The repository; None where it is about something else, which the four
            columns after it name.
        about: A revision, a file or an endpoint that it is about; may be empty.
        answer_due_at: When the first answer is promised.
        answered_at: When somebody who publishes there first answered.
        reminded_at: When the owners were told that the answer is late.
    """

    model = models.ForeignKey(
        "marketplace.Model",
        null=True,
        on_delete=models.CASCADE,
        related_name="threads",
    )
    workspace = models.ForeignKey(
        "accounts.Workspace", null=True, on_delete=models.CASCADE, related_name="+"
    )
    subject_kind = models.CharField(max_length=16, blank=True, db_default="")
    subject_id = models.BigIntegerField(null=True)
    subject_name = models.CharField(max_length=200, blank=True, db_default="")
    title = models.CharField(max_length=200)
    about = models.CharField(max_length=120, blank=True)
    state = models.CharField(
        max_length=8, choices=STATE_CHOICES, default=State.OPEN.value
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="threads",
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="assigned_threads",
    )
    answer_due_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)
    num_messages = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="thread_is_about_one_thing",
                condition=Q(model__isnull=False, subject_id=None)
                | Q(model=None, subject_id__isnull=False, workspace__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["model", "-updated_at"], name="threads_recent"),
            models.Index(
                fields=["subject_kind", "subject_id", "-updated_at"],
                condition=Q(model=None),
                name="threads_of_others",
            ),
            models.Index(
                fields=["answer_due_at"],
                condition=Q(answered_at=None),
                name="threads_waiting",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def subject(self) -> Subject:
        if self.model is None:
            return Subject(
                kind=self.subject_kind,
                id=self.subject_id or 0,
                name=self.subject_name,
                workspace_id=self.workspace_id,
            )
        return Subject(
            kind="model",
            id=self.model.pk,
            name=self.model.full_name,
            workspace_id=self.model.namespace.workspace_id,
        )

    @property
    def is_late(self) -> bool:
        """Whether the first answer came too late, or has not come in time."""
        return (self.answered_at or timezone.now()) > self.answer_due_at


class Message(models.Model):
    """What somebody wrote in a thread, the first of which opens it, or changed of it.

    Attributes:
        change: What was changed; empty for words.
        value: To what: a state, or whom it was given to ("" is nobody).
    """

    thread = models.ForeignKey(
        Thread, on_delete=models.CASCADE, related_name="messages"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    text = models.TextField(blank=True)
    change = models.CharField(
        max_length=8, choices=CHANGE_CHOICES, blank=True, db_default=""
    )
    value = models.CharField(max_length=254, blank=True, db_default="")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def state_name(self) -> str:
        """The state that it was put to, in the reader's language."""
        return str(dict(STATE_CHOICES).get(self.value, self.value))
