import io
from collections.abc import Collection, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.selectors import role_in
from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.core import blobs, images
from apps.core.errors import NotFoundError, TooLargeError
from apps.core.happenings import tell
from apps.labeling import selectors
from apps.labeling.models import Image
from apps.labeling.services.assigning import carry_out_rules
from apps.labeling.services.queue_sql import (
    LABELERS,
    REOPEN_SQL,
    REVIEWERS,
    SUBMIT_SQL,
)
from apps.labeling.services.tiling import start_tiling
from apps.labeling.types import ImageState, Review, Split

if TYPE_CHECKING:
    from apps.accounts.models import User


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
        image, is_new = Image.objects.get_or_create(
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
        if is_new:
            carry_out_rules(project_id=project_id, image_ids=[image.pk])
            if image.is_tiled:
                start_tiling(image)
        return image, is_new


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


@transaction.atomic(savepoint=False)
def submit_image(*, user: "User", image_id: int) -> Image:
    """Say that an image is labeled, whether or not anything is on it.

    Returns:
        The image, of which only what this changed and whose it is has been read.

    Raises:
        NotFoundError: No such image for this user.
        RoleTooLowError: Not an annotator.
    """
    return _hand_in_one("images.submitted", SUBMIT_SQL, user, image_id)


@transaction.atomic(savepoint=False)
def reopen_image(*, user: "User", image_id: int) -> Image:
    """Take an image back from those that are submitted; see submit_image."""
    return _hand_in_one("images.reopened", REOPEN_SQL, user, image_id)


def submit_images(
    *, user: "User", project_id: int, image_ids: Collection[int]
) -> list[int]:
    """Say that images of a project are labeled, all or none.

    Returns:
        The ids of those that are the project's.

    Raises:
        NotFoundError: No such project for this user.
        RoleTooLowError: Not an annotator.
    """
    return _hand_in(
        "images.submitted",
        user=user,
        project_id=project_id,
        image_ids=image_ids,
        changes=_submitted(user),
    )


def reopen_images(
    *, user: "User", project_id: int, image_ids: Collection[int]
) -> list[int]:
    """Take images back from those that are submitted, all or none; see submit_images."""
    return _hand_in(
        "images.reopened",
        user=user,
        project_id=project_id,
        image_ids=image_ids,
        changes=_reopened(),
    )


def _submitted(user: "User") -> dict[str, Any]:
    return {
        "state": ImageState.SUBMITTED,
        "submitted_at": timezone.now(),
        "submitted_by": user,
    }


def _reopened() -> dict[str, Any]:
    state = Case(
        When(num_annotations=0, then=Value(ImageState.UNLABELED)),
        default=Value(ImageState.IN_PROGRESS),
    )
    return {"state": state, "submitted_at": None, "submitted_by": None}


@transaction.atomic
def set_split(
    *, user: "User", project_id: int, image_ids: Collection[int], split: Split
) -> int:
    """Put images into a split by hand, for every later dataset version.

    Returns:
        How many were in another one, or in none by hand.

    Raises:
        NotFoundError: No such project for this user.
        RoleTooLowError: Not a reviewer.
    """
    selectors.access_project(user=user, project_id=project_id, needs=Role.REVIEWER)
    images = Image.objects.filter(project_id=project_id, pk__in=image_ids)
    return images.exclude(split=split).update(split=split, updated_at=timezone.now())


@transaction.atomic
def _hand_in(
    event: str,
    *,
    user: "User",
    project_id: int,
    image_ids: Collection[int],
    changes: Mapping[str, Any],
) -> list[int]:
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.ANNOTATOR
    )
    role = role_in(user=user, workspace_id=project.workspace_id)
    may_all = role is not None and role.allows(Role.REVIEWER)
    images = Image.documents.filter(project_id=project_id, pk__in=image_ids)
    locked = [
        image
        for image in images.select_for_update().order_by("pk")
        if may_all or not image.is_hidden_from(user.pk)
    ]
    Image.documents.filter(pk__in=[image.pk for image in locked]).update(
        review=Review.OPEN, updated_at=timezone.now(), **changes
    )
    _tell(event, project.workspace_id, project_id, locked)
    return [image.pk for image in locked]


def _hand_in_one(event: str, sql: str, user: "User", image_id: int) -> Image:
    given = {
        "image": image_id, "user": user.pk, "now": timezone.now(),
        "labelers": LABELERS, "reviewers": REVIEWERS,
    }  # fmt: skip
    image: Any = next(iter(Image.documents.raw(sql, given)), None)
    if image is None:
        # It says why; who was let in this very moment is told that nothing is there.
        selectors.access_image(user=user, image_id=image_id, needs=Role.ANNOTATOR)
        raise NotFoundError(_("image not found"))
    _tell(event, image.workspace_id, image.project_id, [image])
    found: Image = image
    return found


def _tell(
    event: str, workspace_id: int, project_id: int, changed: Sequence[Image]
) -> None:
    ids = [image.pk for image in changed if image.copy_of_id is None]
    if ids:
        tell(event, workspace_id=workspace_id, project_id=project_id, image_ids=ids)
