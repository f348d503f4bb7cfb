from django.conf import settings
from django.db import models

from apps.core.models import TimeStamped
from apps.labeling.models.images import STATE_CHOICES, Image


class Merge(TimeStamped):
    """What several people agree on, written onto their image; and the way back.

    Attributes:
        before: The image's revision without it.
        after: The revision that it made.
        state_before: The image's state without it.
        num_people: Whose copies were joined.
        num_disputed: Objects on which no majority was found, left out.
    """

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="merges")
    before = models.PositiveIntegerField()
    after = models.PositiveIntegerField()
    state_before = models.CharField(max_length=16, choices=STATE_CHOICES)
    num_people = models.PositiveSmallIntegerField()
    num_disputed = models.PositiveIntegerField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.image_id}@{self.after}"
