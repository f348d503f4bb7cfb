from django.db import models

from apps.core.models import TimeStamped
from apps.labeling.models.images import Image


class Pyramid(TimeStamped):
    """The tiles of a very large image, cut once.

    Attributes:
        job_id: Which cuts them, or did.
        tiles_sha256: The file that they lie in; empty until they are cut.
        index: Where in it (labeling.formats.pyramid).
    """

    image = models.OneToOneField(
        Image, on_delete=models.CASCADE, related_name="pyramid"
    )
    job_id = models.UUIDField()
    tiles_sha256 = models.CharField(max_length=64, blank=True)
    index = models.BinaryField(default=b"", editable=False)

    def __str__(self) -> str:
        return f"tiles of {self.image_id}"
