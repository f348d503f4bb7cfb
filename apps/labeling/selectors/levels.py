"""Deep grey images hold more values than a screen shows: people choose a window."""

from apps.core import blobs, images
from apps.labeling.models import Image


def levels_of(image: Image) -> tuple[float, float] | None:
    """The darkest and the lightest value; None where browsers draw the original."""
    if image.shown_sha256 == image.sha256:
        return None
    with blobs.open_blob(image.sha256) as file:
        return images.levels_of(file)


def windowed(image: Image, *, low: float, high: float) -> bytes:
    """A JPEG of the values between `low` and `high`.

    Raises:
        NotAnImageError: It has no levels, or these are none.
    """
    with blobs.open_blob(image.sha256) as file:
        return images.windowed(file, low=low, high=high)
