"""Who labels what next: one image to one person, however many ask at once."""

import secrets
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from apps.accounts.types import Role
from apps.labeling import selectors
from apps.labeling.models import BLIND, FREE, Image, Project
from apps.labeling.services.copies import copy_for
from apps.labeling.types import HELD_FOR, ImageState, Review

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
    _let_go(user, after_id)
    own = _own(user, project_id).exclude(pk=after_id)
    found = own.values_list("pk", flat=True).first()
    if found is not None:
        return found
    until = timezone.now() + HELD_FOR
    ways: list[Callable[[], Image | None]] = [
        lambda: _test(user, project, until),
        lambda: _left_copy(user, project_id),
        lambda: _seat(user, project_id, until),
        lambda: _from_queue(project_id, after_id),
    ]
    image = next((given for way in ways if (given := way()) is not None), None)
    if image is None:
        # What she passed over is all that there is.
        return _own(user, project_id).values_list("pk", flat=True).first()
    Image.documents.filter(pk=image.pk).update(assignee=user, held_until=until)
    return image.pk


def _let_go(user: "User", image_id: int) -> None:
    """Free what the user passes over without having begun it."""
    Image.objects.filter(
        pk=image_id, assignee=user, held_until__isnull=False, revision=0
    ).exclude(state=ImageState.SUBMITTED).update(assignee=None, held_until=None)


def _own(user: "User", project_id: int) -> Images:
    lasting = Q(held_until=None) | Q(held_until__gt=timezone.now())
    images = Image.documents.filter(lasting, project_id=project_id, assignee=user)
    images = images.exclude(state=ImageState.SUBMITTED)
    is_back = Q(review=Review.SENT_BACK)
    return images.annotate(is_back=is_back).order_by(
        "-is_back", F("due_at").asc(nulls_last=True), "-urgency", "pk"
    )


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


def _from_queue(project_id: int, after_id: int) -> Image | None:
    free = _free(project_id)
    for part in _parts(project_id, after_id):
        image = (
            free.filter(part)
            .exclude(pk=after_id)
            .order_by("-urgency", "pk")
            .select_for_update(skip_locked=True)
            .first()
        )
        if image is not None:
            return image
    return None


def _parts(project_id: int, after_id: int) -> Iterator[Q]:
    """What comes after an image in the queue, then the queue from its beginning.

    Each is a range of the index that the queue is read by.
    """
    last = Image.documents.filter(project_id=project_id, pk=after_id).first()
    if last is not None:
        yield Q(urgency=last.urgency, pk__gt=last.pool_id)
        yield Q(urgency__lt=last.urgency)
    yield Q()
