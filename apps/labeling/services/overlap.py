"""Which images several people label, and which ones test them."""

import secrets
from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.types import Role
from apps.labeling import selectors
from apps.labeling.errors import BadOverlapError
from apps.labeling.models import FREE, Image
from apps.labeling.types import ImageState

if TYPE_CHECKING:
    from apps.accounts.models import User

MOST_PEOPLE = 20


@transaction.atomic
def ask_several(
    *, user: "User", project_id: int, image_ids: Collection[int], num_people: int
) -> list[int]:
    """Have images labeled by several people, each without seeing the others.

    Only images on which nothing is drawn yet and that nobody has begun are taken; with
    one person those go back to the ordinary queue that nobody has a copy of.

    Returns:
        The ids of the images that are to be labeled so.

    Raises:
        NotFoundError: No such project for this user.
        RoleTooLowError: Not a manager.
        BadOverlapError: Fewer than one person, or too many.
    """
    selectors.access_project(user=user, project_id=project_id, needs=Role.MANAGER)
    if not 1 <= num_people <= MOST_PEOPLE:
        raise BadOverlapError(
            _("an image is labeled by 1 to {most} people, not {num}").format(
                most=MOST_PEOPLE, num=num_people
            )
        )
    images = _untouched(project_id).filter(pk__in=image_ids)
    # Nobody loses a copy by it, and nobody the image that she has open.
    most_copies = num_people if num_people > 1 else 0
    images = images.filter(FREE | Q(held_until=None), num_copies__lte=most_copies)
    ids = list(images.select_for_update().values_list("pk", flat=True).order_by("pk"))
    Image.objects.filter(pk__in=ids).update(
        num_people=num_people,
        assignee=None,
        held_until=None,
        due_at=None,
        updated_at=timezone.now(),
    )
    return ids


def sample_overlap(
    *, user: "User", project_id: int, num_images: int, num_people: int
) -> list[int]:
    """As ask_several, for images drawn by lot among those that nobody has begun."""
    free = _untouched(project_id).filter(num_people=1, assignee=None)
    ids = list(free.order_by("pk").values_list("pk", flat=True))
    chosen = secrets.SystemRandom().sample(ids, min(num_images, len(ids)))
    return ask_several(
        user=user, project_id=project_id, image_ids=chosen, num_people=num_people
    )


def _untouched(project_id: int) -> QuerySet[Image]:
    images = Image.objects.filter(project_id=project_id, state=ImageState.UNLABELED)
    return images.filter(num_annotations=0, is_truth=False)


@transaction.atomic
def mark_truths(
    *, user: "User", project_id: int, image_ids: Collection[int], is_truth: bool
) -> list[int]:
    """Take what is submitted on images for the truth that tests others, or no longer.

    Returns:
        The ids of those that changed; what is not submitted is left as it is.

    Raises:
        NotFoundError: No such project for this user.
        RoleTooLowError: Not a manager.
    """
    selectors.access_project(user=user, project_id=project_id, needs=Role.MANAGER)
    images = Image.objects.filter(
        project_id=project_id, pk__in=image_ids, is_truth=not is_truth
    )
    if is_truth:
        images = images.filter(state=ImageState.SUBMITTED)
    ids = list(images.select_for_update().values_list("pk", flat=True).order_by("pk"))
    Image.objects.filter(pk__in=ids).update(
        is_truth=is_truth, updated_at=timezone.now()
    )
    return ids
