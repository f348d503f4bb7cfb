"""Copies: one person's document of an image that others label or have labeled too."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import F

from apps.labeling.models import Image

if TYPE_CHECKING:
    from apps.accounts.models import User

COPIED = (
    "project_id", "name", "sha256", "size_bytes", "media_type", "shown_sha256",
    "shown_media_type", "shown_size_bytes", "thumbnail_sha256", "thumbnail_size_bytes",
    "width", "height", "urgency", "created_by_id", "num_predictions",
)  # fmt: skip


def copy_for(image: Image, user: "User", *, held_until: datetime | None) -> Image:
    """Give somebody a copy of an image that the caller has locked."""
    Image.documents.filter(pk=image.pk).update(num_copies=F("num_copies") + 1)
    return Image.documents.create(
        copy_of=image,
        assignee=user,
        held_until=held_until,
        **{name: getattr(image, name) for name in COPIED},
    )
