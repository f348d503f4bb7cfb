"""What people ask of repositories and think of them."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import TimeStamped
from apps.marketplace.models.repositories import Model
from apps.marketplace.types import Asked

ASKED_CHOICES = [
    (Asked.PENDING, _("Waiting")),
    (Asked.ACCEPTED, _("Let in")),
    (Asked.REFUSED, _("Refused")),
]


class AccessRequest(TimeStamped):
    """Somebody accepted the terms of a gated repository and asks for its files."""

    model = models.ForeignKey(
        Model, on_delete=models.CASCADE, related_name="access_requests"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    state = models.CharField(max_length=12, choices=ASKED_CHOICES)
    message = models.TextField(blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "user"], name="asked_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} asks for {self.model_id}: {self.state}"


class Like(models.Model):
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="likes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "user"], name="liked_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.model_id}"
