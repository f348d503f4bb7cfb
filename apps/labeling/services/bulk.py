"""Operations on many images at once: what imports and restores write."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.db.models import Count

from apps.labeling.models import Annotation, Image, OperationLog
from apps.labeling.services.saving import CHANGED_BY_A_PUT, logged, row_of
from apps.labeling.types import ImageState, Operation, Put, Remove, Review

if TYPE_CHECKING:
    from apps.accounts.models import User


def apply_in_bulk(
    *, user: "User", changes: Mapping[Image, Sequence[Operation]]
) -> None:
    """Apply operations to images that the caller has locked, each as one revision.

    The caller has checked shapes and labels. Each image names an annotation once.
    """
    images = [image for image, operations in changes.items() if operations]
    _remove(changes)
    rows = [
        row_of(image, user, operation.shape)
        for image in images
        for operation in changes[image]
        if isinstance(operation, Put)
    ]
    Annotation.objects.bulk_create(
        rows,
        batch_size=5000,
        update_conflicts=True,
        unique_fields=["image", "uid"],
        update_fields=CHANGED_BY_A_PUT,
    )
    _note(images)
    OperationLog.objects.bulk_create(
        OperationLog(
            image=image,
            revision=image.revision,
            key=str(uuid4()),
            user=user,
            operations=[logged(operation) for operation in changes[image]],
        )
        for image in images
    )


def _remove(changes: Mapping[Image, Sequence[Operation]]) -> None:
    gone: dict[int, set[UUID]] = {}
    for image, operations in changes.items():
        uids = {one.id for one in operations if isinstance(one, Remove)}
        if uids:
            gone[image.pk] = uids
    known = Annotation.objects.filter(image__in=gone).values_list(
        "pk", "image_id", "uid"
    )
    keys = [pk for pk, image_id, uid in known if uid in gone[image_id]]
    Annotation.objects.filter(pk__in=keys).delete()


def _note(images: Sequence[Image]) -> None:
    counted = (
        Annotation.objects.filter(image__in=images)
        .values_list("image_id")
        .annotate(num=Count("pk"))
        .order_by()
    )
    nums = dict(counted)
    for image in images:
        image.revision += 1
        image.num_annotations = nums.get(image.pk, 0)
        if image.state == ImageState.UNLABELED and image.num_annotations:
            image.state = ImageState.IN_PROGRESS
        if image.review == Review.ACCEPTED:
            image.review = Review.OPEN
    Image.objects.bulk_update(
        images, ["revision", "num_annotations", "state", "review"]
    )
