"""What several people agree on becomes the image's annotations, and can be taken back."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.types import Role
from apps.core.happenings import tell
from apps.labeling import selectors
from apps.labeling.agreement.consensus import Agreed, consensus
from apps.labeling.errors import NothingToMergeError, NothingToUndoError
from apps.labeling.models import Annotation, Image, Merge
from apps.labeling.selectors.comparing import Shared, list_shared
from apps.labeling.services.restoring import restore_image, stated
from apps.labeling.services.saving import apply_operations
from apps.labeling.types import ImageState, Operation, Put, Remove, Review, Shape

if TYPE_CHECKING:
    from apps.accounts.models import User


@transaction.atomic
def merge_copies(
    *, user: "User", project_id: int, image_ids: Collection[int] | None = None
) -> list[Merge]:
    """Write what most people drew onto images that several people have submitted.

    An image is submitted by it, unless something on it is disputed: then it stays for a
    reviewer to decide. The copies stay as they are.

    Args:
        user: Who does it; it takes a reviewer.
        project_id: Whose images.
        image_ids: Only these, also where not everybody has submitted yet; None means
            all whose copies are all submitted.

    Raises:
        NotFoundError: No such project for this user.
        NothingToMergeError: No such image has two submitted copies.
    """
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.REVIEWER
    )
    images = Image.objects.filter(project_id=project_id, num_people__gt=1)
    if image_ids is not None:
        images = images.filter(pk__in=image_ids)
    images = images.exclude(state=ImageState.SUBMITTED)
    locked = {row.pk: row for row in images.order_by("pk").select_for_update()}
    merges = [
        _merge(user, locked[shared.image_id], shared)
        for shared in list_shared(project_id=project_id, image_ids=locked)
        if image_ids is not None
        or len(shared.copies) == locked[shared.image_id].num_people
    ]
    if not merges:
        raise NothingToMergeError(
            _("no image waits for this: two people must have submitted their copies")
        )
    done = [row.image_id for row in merges if not row.num_disputed]
    if done:
        tell(
            "images.submitted",
            workspace_id=project.workspace_id,
            project_id=project_id,
            image_ids=done,
        )
    return merges


def _merge(user: "User", image: Image, shared: Shared) -> Merge:
    found = consensus(shared.drawn)
    before, state = image.revision, image.state
    operations: list[Operation] = [
        Remove(id=uid) for uid in image.annotations.values_list("uid", flat=True)
    ]
    operations += [Put(shape=shape) for shape in _shapes(shared, found.agreed)]
    after = before
    if operations:
        after = apply_operations(
            user=user,
            image_id=image.pk,
            revision=before,
            key=f"merge-{uuid4()}",
            operations=operations,
        )
    image.refresh_from_db()
    now = timezone.now()
    if found.disputed:
        image.state = ImageState.IN_PROGRESS
    else:
        image.state, image.submitted_at = ImageState.SUBMITTED, now
    image.review = Review.OPEN
    image.save(update_fields=["state", "review", "submitted_at", "updated_at"])
    return Merge.objects.create(
        image=image,
        before=before,
        after=after,
        state_before=state,
        num_people=len(shared.copies),
        num_disputed=len(found.disputed),
        created_by=user,
    )


def _shapes(shared: Shared, agreed: Sequence[Agreed]) -> list[Shape]:
    """What is taken over, as new shapes: a copy's own stay its own."""
    rows = Annotation.objects.filter(image__in=shared.copies.values())
    drawn = {row.uid: stated(row) for row in rows}
    return [
        replace(
            drawn[one.like.uid],
            id=uuid4(),
            label_id=one.label_id,
            bbox=one.bbox,
            group=None,
        )
        for one in agreed
    ]


@transaction.atomic
def undo_merge(*, user: "User", image_id: int) -> Image:
    """Take the last merge of an image back; what was drawn since goes with it.

    Nothing is lost: it is one more revision, and history can bring either back.

    Raises:
        NotFoundError: No such image for this user.
        NothingToUndoError: Nothing was merged, or it was taken back.
    """
    image = selectors.access_image(
        user=user, image_id=image_id, needs=Role.REVIEWER, lock=True
    )
    merge = image.merges.filter(undone_at=None).order_by("-pk").first()
    if merge is None:
        raise NothingToUndoError(
            _("{name} holds no merge that could be taken back").format(name=image.name)
        )
    restore_image(user=user, image_id=image_id, revision=merge.before)
    image.refresh_from_db()
    image.state, image.review = merge.state_before, Review.OPEN
    image.submitted_at = image.submitted_by = None
    image.save(
        update_fields=["state", "review", "submitted_at", "submitted_by", "updated_at"]
    )
    merge.undone_at = timezone.now()
    merge.save(update_fields=["undone_at", "updated_at"])
    return image
