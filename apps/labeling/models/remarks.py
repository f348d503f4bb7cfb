from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.core.models import TimeStamped
from apps.labeling.models.images import Image


class Remark(TimeStamped):
    """What somebody says of an image, until somebody calls it settled.

    Attributes:
        x: Of the pin, in pixels of the upright image; without a pin both are null.
    """

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="remarks")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    text = models.CharField(max_length=1000)
    x = models.FloatField(null=True, blank=True)
    y = models.FloatField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(x__isnull=True, y__isnull=True)
                | Q(x__isnull=False, y__isnull=False),
                name="remark_pin_is_whole",
            )
        ]

    def __str__(self) -> str:
        return self.text
