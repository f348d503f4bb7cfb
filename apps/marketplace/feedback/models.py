from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core.models import TimeStamped
from apps.marketplace.feedback.types import State

STATE_CHOICES = [
    (State.OPEN.value, _("open")),
    (State.ANSWERED.value, _("answered")),
    (State.PLANNED.value, _("planned")),
    (State.DONE.value, _("done")),
]


class Thread(TimeStamped):
    """A question, a report or a wish about a repository.

    Attributes:
        about: A revision, a file or an endpoint that it is about; may be empty.
        answer_due_at: When the first answer is promised.
        answered_at: When somebody who publishes there first answered.
        reminded_at: When the owners were told that the answer is late.
    """

    model = models.ForeignKey(
        "marketplace.Model", on_delete=models.CASCADE, related_name="threads"
    )
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
        indexes = [
            models.Index(fields=["model", "-updated_at"], name="threads_recent"),
            models.Index(
                fields=["answer_due_at"],
                condition=Q(answered_at=None),
                name="threads_waiting",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_late(self) -> bool:
        """Whether the first answer came too late, or has not come in time."""
        return (self.answered_at or timezone.now()) > self.answer_due_at


class Message(models.Model):
    """What somebody wrote in a thread; the first one opens it."""

    thread = models.ForeignKey(
        Thread, on_delete=models.CASCADE, related_name="messages"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    text = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.text[:60]
