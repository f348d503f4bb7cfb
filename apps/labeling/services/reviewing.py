"""What reviewers say of submitted images: accepted, or sent back with a reason."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.core.happenings import tell
from apps.labeling import selectors
from apps.labeling.errors import BadRemarkError, NotSubmittedError
from apps.labeling.models import Image, Remark
from apps.labeling.types import ImageState, Review

if TYPE_CHECKING:
    from apps.accounts.models import User

Pin = tuple[float, float]
MAX_CHARS = 1000


@transaction.atomic
def accept_images(
    *, user: "User", project_id: int, image_ids: Collection[int]
) -> list[int]:
    """Accept those of the images that are submitted; the rest is left as it is.

    Returns:
        The ids of the accepted ones.

    Raises:
        NotFoundError: No such project for this user.
        RoleTooLowError: Not a reviewer.
    """
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.REVIEWER
    )
    images = Image.objects.select_for_update().filter(
        project_id=project_id, pk__in=image_ids, state=ImageState.SUBMITTED
    )
    ids = list(images.order_by("pk").values_list("pk", flat=True))
    Image.objects.filter(pk__in=ids).update(
        review=Review.ACCEPTED, updated_at=timezone.now()
    )
    if ids:
        tell(
            "images.accepted",
            workspace_id=project.workspace_id,
            project_id=project_id,
            image_ids=ids,
        )
    return ids


@transaction.atomic
def send_back(
    *, user: "User", image_id: int, text: str, pin: Pin | None = None
) -> Image:
    """Open a submitted image again for whoever submitted it, and say why.

    Raises:
        NotSubmittedError: Nothing was handed in that could go back.
        BadRemarkError: Without a reason nobody knows what to do.
    """
    image = selectors.access_image(
        user=user, image_id=image_id, needs=Role.REVIEWER, lock=True
    )
    if image.state != ImageState.SUBMITTED:
        raise NotSubmittedError(
            _(
                "{name} is not submitted: only what is submitted can be sent back"
            ).format(name=image.name)
        )
    _write(image, user, text, pin)
    image.state, image.review = ImageState.IN_PROGRESS, Review.SENT_BACK
    image.submitted_at = None
    if image.submitted_by_id is not None:
        image.assignee_id, image.held_until = image.submitted_by_id, None
    image.save(
        update_fields=[
            "state", "review", "submitted_at", "assignee", "held_until", "updated_at",
        ]
    )  # fmt: skip
    tell(
        "image.sent_back",
        workspace_id=image.project.workspace_id,
        project_id=image.project_id,
        id=image.pk,
        text=text,
    )
    return image


@transaction.atomic
def remark(*, user: "User", image_id: int, text: str, pin: Pin | None = None) -> Remark:
    """Say something of an image, at a place of it or of the whole.

    Raises:
        BadRemarkError: Empty, too long, or a pin beside the image.
    """
    image = selectors.access_image(user=user, image_id=image_id, needs=Role.ANNOTATOR)
    return _write(image, user, text, pin)


@transaction.atomic
def settle_remark(*, user: "User", image_id: int, remark_id: int) -> Remark:
    """Call a remark settled; doing it twice changes nothing.

    Raises:
        NotFoundError: No such remark of this image.
    """
    image = selectors.access_image(user=user, image_id=image_id, needs=Role.ANNOTATOR)
    row = Remark.objects.select_for_update().filter(image=image, pk=remark_id).first()
    if row is None:
        raise NotFoundError(_("remark not found"))
    if row.settled_at is None:
        row.settled_at, row.settled_by = timezone.now(), user
        row.save(update_fields=["settled_at", "settled_by", "updated_at"])
    return row


def _write(image: Image, user: "User", text: str, pin: Pin | None) -> Remark:
    text = text.strip()
    if not 0 < len(text) <= MAX_CHARS:
        raise BadRemarkError(
            _("say what is to be done, in 1 to {most} characters").format(
                most=MAX_CHARS
            )
        )
    x, y = pin or (None, None)
    if pin and not (0 <= pin[0] <= image.width and 0 <= pin[1] <= image.height):
        raise BadRemarkError(
            _("the pin must lie on the image of {width} x {height} pixels").format(
                width=image.width, height=image.height
            )
        )
    return Remark.objects.create(image=image, author=user, text=text, x=x, y=y)
