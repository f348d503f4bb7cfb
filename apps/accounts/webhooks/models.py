from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from apps.core.models import TimeStamped


class Webhook(TimeStamped):
    """An address that is told what happens in a workspace.

    Attributes:
        events: Patterns such as "job.*"; "*" is everything.
        salt: What its secret is derived from; the secret itself is not stored.
        is_active: Off once an event could not be delivered for a day.
    """

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL
    )
    url = models.URLField(max_length=500)
    events = ArrayField(models.CharField(max_length=64), default=list)
    salt = models.CharField(max_length=32)
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One event for one address: sent until it is taken, or given up.

    Attributes:
        next_at: When it is sent again; None once it was taken or given up.
        status: What the address answered last, 0 if nothing.
        problem: Why it was not taken, for a person to read.
    """

    id = models.UUIDField(primary_key=True)
    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, related_name="deliveries"
    )
    event = models.CharField(max_length=64)
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    next_at = models.DateTimeField(null=True)
    num_attempts = models.PositiveSmallIntegerField(default=0)
    status = models.PositiveSmallIntegerField(default=0)
    problem = models.CharField(max_length=300, blank=True)

    names_blobs = False

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["webhook", "-created_at"], name="deliveries_newest"),
            models.Index(
                fields=["next_at"],
                condition=Q(next_at__isnull=False),
                name="deliveries_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook_id}"

    @property
    def is_taken(self) -> bool:
        return 200 <= self.status < 300
