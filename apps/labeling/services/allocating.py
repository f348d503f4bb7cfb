"""Who labels what next: one image to one person, however many ask at once."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from apps.accounts.types import Role
from apps.labeling import selectors
from apps.labeling.models import BLIND, FREE, Image, Project
from apps.labeling.services.copies import copy_for
from apps.labeling.services.images import reopen_image, submit_image
from apps.labeling.services.queue_sql import NEXT_SQL
from apps.labeling.types import HELD_FOR, ImageState

if TYPE_CHECKING:
    from apps.accounts.models import User

Images = QuerySet[Image]


@transaction.atomic
def take_next(*, user: "User", project_id: int, after_id: int = 0) -> int | None:
    """Give the user the next image to label, hers alone until she lets it lie.

    First comes what she has begun or was assigned, what was sent back before all. Then,
    now and then, an image that tests her; then what several people are to label; then
    the project's queue: the most urgent first, else in upload order, from where
    ``after_id`` stands and round once.

    Returns:
        The id of an image or of her copy of one; None where nothing waits for her.

    Raises:
        NotFoundError: No such project for this user.
        RoleTooLowError: Not an annotator.
    """
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.ANNOTATOR
    )
    return _take(user, project.pk, after_id)


@transaction.atomic
def submit_and_go_on(*, user: "User", image_id: int) -> tuple[Image, int | None]:
    """Submit an image and take the next in one go; see submit_image and take_next."""
    image = submit_image(user=user, image_id=image_id)
    return image, _take(user, image.project_id, image.pk)


@transaction.atomic
def reopen_and_go_on(*, user: "User", image_id: int) -> tuple[Image, int | None]:
    """Reopen an image and take the next in one go; see reopen_image and take_next."""
    image = reopen_image(user=user, image_id=image_id)
    return image, _take(user, image.project_id, image.pk)


def _take(user: "User", project_id: int, after_id: int) -> int | None:
    until = timezone.now() + HELD_FOR
    asked = {"user": user.pk, "project": project_id, "until": until}
    given, has_shared = _ask({**asked, "after": after_id, "asks_shared": True})
    if given is None and has_shared:
        image = _shared(user, Project.objects.get(pk=project_id), until)
        if image is not None:
            Image.documents.filter(pk=image.pk).update(assignee=user, held_until=until)
            return image.pk
        given, _none = _ask({**asked, "after": after_id, "asks_shared": False})
    if given is None and after_id:
        # What she passed over is all that there is.
        given, _none = _ask({**asked, "after": 0, "asks_shared": False})
    return given


def _ask(given: Mapping[str, Any]) -> tuple[int | None, bool]:
    with connection.cursor() as cursor:
        cursor.execute(NEXT_SQL, given)
        image_id, has_shared = cursor.fetchone()
    return image_id, has_shared


def _shared(user: "User", project: Project, until: datetime) -> Image | None:
    """What tests her, or several are to label, each in a copy."""
    ways: list[Callable[[], Image | None]] = [
        lambda: _test(user, project, until),
        lambda: _left_copy(user, project.pk),
        lambda: _seat(user, project.pk, until),
    ]
    return next((given for way in ways if (given := way()) is not None), None)


def _waiting(project_id: int) -> Images:
    images = Image.objects.filter(project_id=project_id)
    return images.exclude(state=ImageState.SUBMITTED)


def _free(project_id: int) -> Images:
    return _waiting(project_id).exclude(BLIND).filter(FREE)


def _test(user: "User", project: Project, until: datetime) -> Image | None:
    """Mix a test in, unpredictably, while there is other work."""
    if secrets.randbelow(100) >= project.honeypot_percent:
        return None
    has_work = _free(project.pk).exists() or _open_to(user, project.pk).exists()
    if not has_work:
        return None
    truths = Image.objects.filter(project=project, is_truth=True)
    truth = (
        _without_copy_of(user, truths)
        .order_by("?")
        .select_for_update(skip_locked=True, of=("self",))
        .first()
    )
    return copy_for(truth, user, held_until=until) if truth else None


def _left_copy(user: "User", project_id: int) -> Image | None:
    """A copy that somebody took and never began: its seat is for the next."""
    left = Image.documents.filter(
        project_id=project_id,
        copy_of__isnull=False,
        copy_of__is_truth=False,
        revision=0,
        state=ImageState.UNLABELED,
        held_until__lte=timezone.now(),
    )
    hers = Image.documents.filter(copy_of=OuterRef("copy_of"), assignee=user)
    return (
        left.filter(~Exists(hers)).select_for_update(skip_locked=True, of=("self",))
    ).first()


def _seat(user: "User", project_id: int, until: datetime) -> Image | None:
    shared = _open_to(user, project_id).order_by("-urgency", "pk")
    image = shared.select_for_update(skip_locked=True).first()
    return copy_for(image, user, held_until=until) if image else None


def _open_to(user: "User", project_id: int) -> Images:
    """Shared images that have a seat for the user."""
    shared = _waiting(project_id).filter(
        num_people__gt=1, is_truth=False, num_copies__lt=F("num_people")
    )
    return _without_copy_of(user, shared)


def _without_copy_of(user: "User", images: Images) -> Images:
    hers = Image.documents.filter(copy_of=OuterRef("pk"), assignee=user)
    return images.filter(~Exists(hers))
