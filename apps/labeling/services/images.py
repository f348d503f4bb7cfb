import io
from typing import IO, TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.core import blobs, images
from apps.core.errors import TooLargeError
from apps.labeling import selectors
from apps.labeling.models import Image
from apps.labeling.types import ImageState, Review

if TYPE_CHECKING:
    from apps.accounts.models import User

HANDED_IN = ("state", "review", "submitted_at", "submitted_by", "updated_at")


def add_image(
    *,
    user: "User",
    project_id: int,
    name: str,
    file: IO[bytes],
    urgency: float = 0.0,
) -> tuple[Image, bool]:
    """Add an image to a project.

    The same bytes are one image of a project, so an upload that broke off can simply
    be sent again.

    Returns:
        The image, and whether it is new.

    Raises:
        NotAnImageError: Judged by content, whatever its name says.
        TooLargeError: More bytes or pixels than the settings allow.
        StorageFullError: Nothing was kept.
    """
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.ANNOTATOR
    )
    _check_size(file)
    inspected = images.inspect(file)
    original = blobs.put(file)
    shown = original
    if inspected.shown is not None:
        shown = blobs.put(io.BytesIO(inspected.shown))
    thumbnail = blobs.put(io.BytesIO(inspected.thumbnail))
    with transaction.atomic():
        return Image.objects.get_or_create(
            project=project,
            sha256=original.sha256,
            defaults={
                "name": name[-255:],
                "size_bytes": original.size,
                "media_type": inspected.media_type,
                "shown_sha256": shown.sha256,
                "shown_media_type": inspected.shown_media_type,
                "shown_size_bytes": shown.size,
                "thumbnail_sha256": thumbnail.sha256,
                "thumbnail_size_bytes": thumbnail.size,
                "width": inspected.width,
                "height": inspected.height,
                "urgency": urgency,
                "created_by": user,
            },
        )


def _check_size(file: IO[bytes]) -> None:
    size = file.seek(0, io.SEEK_END)
    if size > settings.MAX_UPLOAD_BYTES:
        limit = settings.MAX_UPLOAD_BYTES // 2**20
        raise TooLargeError(
            _("{size} MiB is more than the {limit} MiB allowed").format(
                size=format(size / 2**20, ".0f"), limit=limit
            )
        )


@transaction.atomic
def delete_image(*, user: "User", image_id: int) -> None:
    """Remove an image and its annotations; its blob may serve other projects."""
    image = selectors.access_image(user=user, image_id=image_id, needs=Role.MANAGER)
    audit(
        action="image.deleted",
        target=image,
        actor=user,
        workspace_id=image.project.workspace_id,
        sha256=image.sha256,
    )
    image.delete()


@transaction.atomic
def submit_image(*, user: "User", image_id: int) -> Image:
    """Say that an image is labeled, whether or not anything is on it."""
    image = selectors.access_image(
        user=user, image_id=image_id, needs=Role.ANNOTATOR, lock=True
    )
    image.state, image.review = ImageState.SUBMITTED, Review.OPEN
    image.submitted_at, image.submitted_by = timezone.now(), user
    image.save(update_fields=HANDED_IN)
    return image


@transaction.atomic
def reopen_image(*, user: "User", image_id: int) -> Image:
    image = selectors.access_image(
        user=user, image_id=image_id, needs=Role.ANNOTATOR, lock=True
    )
    is_empty = image.num_annotations == 0
    image.state = ImageState.UNLABELED if is_empty else ImageState.IN_PROGRESS
    image.review = Review.OPEN
    image.submitted_at = image.submitted_by = None
    image.save(update_fields=HANDED_IN)
    return image
