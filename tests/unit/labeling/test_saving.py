import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.errors import RoleTooLowError
from apps.accounts.models import Membership, User, Workspace
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.labeling.errors import BadOperationError, RevisionConflictError
from apps.labeling.models import Annotation, Image, OperationLog
from apps.labeling.services.restoring import stated
from apps.labeling.services.saving import apply_operations
from apps.labeling.types import (
    ImageState,
    Put,
    Remove,
    Review,
    Shape,
    ShapeKind,
    Source,
)
from tests.factories.labeling import (
    AnnotationFactory,
    ImageFactory,
    LabelFactory,
    ProjectFactory,
)


@pytest.fixture
def image(workspace: Workspace, alice: User) -> Image:
    return ImageFactory(project=ProjectFactory(workspace=workspace, created_by=alice))


def put(label_id: int, *, uid: uuid.UUID | None = None, **changes: object) -> Put:
    fields = {"bbox": (1.0, 2.0, 30.0, 40.0), "kind": ShapeKind.BOX, **changes}
    return Put(shape=Shape(id=uid or uuid.uuid4(), label_id=label_id, **fields))


def save(image: Image, user: User, *operations: object, **given: object) -> int:
    arguments = {"revision": image.revision, "key": str(uuid.uuid4()), **given}
    return apply_operations(
        user=user, image_id=image.pk, operations=operations, **arguments
    )


def test_a_label_is_drawn_only_as_it_says(image: Image, bob: User):
    label = LabelFactory(project=image.project, name="rust")
    uid = uuid.uuid4()
    save(image, bob, put(label.pk, uid=uid))
    label.kinds = [ShapeKind.POLYGON, ShapeKind.MASK]
    label.save()
    image.refresh_from_db()

    moved = put(label.pk, uid=uid, bbox=(5.0, 6.0, 7.0, 8.0))
    assert save(image, bob, moved) == 2  # drawn before its label said so
    image.refresh_from_db()
    with pytest.raises(BadOperationError, match="rust may be drawn as polygon, mask"):
        save(image, bob, put(label.pk))
    other = LabelFactory(project=image.project, kinds=[ShapeKind.MASK])
    with pytest.raises(BadOperationError):
        save(image, bob, put(other.pk, uid=uid))
    assert image.annotations.get().bbox == (5.0, 6.0, 7.0, 8.0)


def test_a_put_makes_an_annotation_and_counts_the_revision(image: Image, bob: User):
    label = LabelFactory(project=image.project)

    revision = save(image, bob, put(label.pk))

    image.refresh_from_db()
    assert revision == image.revision == 1
    assert (image.num_annotations, image.state) == (1, ImageState.IN_PROGRESS)
    assert image.annotations.get().bbox == (1.0, 2.0, 30.0, 40.0)


def test_a_put_of_a_known_id_replaces_it_and_keeps_its_maker(
    image: Image, alice: User, bob: User
):
    old = AnnotationFactory(image=image, created_by=alice)

    save(image, bob, put(old.label_id, uid=old.uid, is_occluded=True))

    new = image.annotations.get()
    assert (new.pk, new.created_by, new.updated_by) == (old.pk, alice, bob)
    assert new.is_occluded


def test_a_put_keeps_all_that_a_shape_says_and_its_place(image: Image, bob: User):
    label, group = LabelFactory(project=image.project), uuid.uuid4()
    points = [[1.0, 2.0], [30.0, 2.5], [15.0, 20.0]]
    said = {
        "kind": ShapeKind.POLYGON, "geometry": {"points": points, "holes": []},
        "source": Source.PREDICTION, "score": 0.25, "attributes": {"who's": ["é", 1]},
        "is_occluded": True, "is_truncated": True, "group": group, "layer": -3,
    }  # fmt: skip
    rows = [put(label.pk, **said), *(put(label.pk) for _ in range(20))]

    save(image, bob, *rows)

    kept = list(image.annotations.all())
    assert [row.uid for row in kept] == [row.shape.id for row in rows]
    assert stated(kept[0]) == replace(rows[0].shape, bbox=(1.0, 2.0, 30.0, 20.0))
    assert (kept[0].created_by, kept[0].updated_by) == (bob, bob)


def test_a_batch_counts_what_it_puts_replaces_and_removes(image: Image, bob: User):
    label = LabelFactory(project=image.project)
    first, second, third = (put(label.pk) for _ in range(3))
    save(image, bob, first, second)
    image.refresh_from_db()

    save(image, bob, first, Remove(id=second.shape.id), third, Remove(id=uuid.uuid4()))

    image.refresh_from_db()
    assert image.num_annotations == image.annotations.count() == 2
    assert {row.uid for row in image.annotations.all()} == {
        first.shape.id, third.shape.id,
    }  # fmt: skip


def test_the_last_operation_on_an_id_wins(image: Image, bob: User):
    label = LabelFactory(project=image.project)
    uid = uuid.uuid4()

    save(image, bob, put(label.pk, uid=uid), Remove(id=uid))

    assert not image.annotations.exists()


def test_the_same_key_again_is_applied_once(image: Image, bob: User):
    label = LabelFactory(project=image.project)
    operation = put(label.pk)

    first = save(image, bob, operation, key="k", revision=0)
    second = save(image, bob, operation, key="k", revision=0)

    assert (first, second) == (1, 1)
    assert OperationLog.objects.filter(image=image).count() == 1


def test_an_old_revision_is_refused_and_changes_nothing(image: Image, bob: User):
    label = LabelFactory(project=image.project)
    save(image, bob, put(label.pk))

    with pytest.raises(RevisionConflictError) as refused:
        save(image, bob, put(label.pk), revision=0)

    assert refused.value.extra == {"revision": 1}
    assert Annotation.objects.filter(image=image).count() == 1


@pytest.mark.parametrize(
    "bbox",
    [
        (30.0, 2.0, 1.0, 40.0),
        (-1.0, 2.0, 30.0, 40.0),
        (1.0, 2.0, 641.0, 40.0),
        (1.0, 2.0, float("nan"), 40.0),
        (1.0, 2.0, float("inf"), 40.0),
    ],
)
def test_a_box_that_is_none_is_refused_and_nothing_is_applied(
    image: Image, bob: User, bbox: tuple[float, float, float, float]
):
    label = LabelFactory(project=image.project)

    with pytest.raises(BadOperationError, match="inside 640 x 480"):
        save(image, bob, put(label.pk), put(label.pk, bbox=bbox))

    image.refresh_from_db()
    assert image.revision == 0
    assert not image.annotations.exists()


def test_a_label_of_another_project_is_refused(image: Image, bob: User):
    elsewhere = LabelFactory()

    with pytest.raises(BadOperationError, match="is not of this project"):
        save(image, bob, put(elsewhere.pk))


def test_a_stranger_is_told_nothing(image: Image, charlie: User):
    label = LabelFactory(project=image.project)

    with pytest.raises(NotFoundError, match="image not found"):
        save(image, charlie, put(label.pk))

    assert not image.annotations.exists()


def test_who_only_looks_may_not_draw(image: Image, workspace: Workspace, bob: User):
    label = LabelFactory(project=image.project)
    Membership.objects.filter(workspace=workspace, user=bob).update(role=Role.VIEWER)

    with pytest.raises(RoleTooLowError, match="this needs the role annotator"):
        save(image, bob, put(label.pk))


def test_nobody_draws_in_an_archived_project_or_on_what_is_hidden(
    image: Image, workspace: Workspace, bob: User
):
    label = LabelFactory(project=image.project)
    Membership.objects.filter(workspace=workspace, user=bob).update(role=Role.ANNOTATOR)
    Image.objects.filter(pk=image.pk).update(is_truth=True)
    with pytest.raises(NotFoundError, match="image not found"):
        save(image, bob, put(label.pk))

    Image.objects.filter(pk=image.pk).update(is_truth=False)
    image.project.archived_at = timezone.now()
    image.project.save()
    with pytest.raises(NotFoundError, match="image not found"):
        save(image, bob, put(label.pk))


def test_a_batch_opens_what_was_accepted_and_holds_the_image_for_longer(
    image: Image, bob: User
):
    label = LabelFactory(project=image.project)
    soon = timezone.now() + timedelta(minutes=1)
    Image.objects.filter(pk=image.pk).update(
        review=Review.ACCEPTED, assignee=bob, held_until=soon
    )

    save(image, bob, put(label.pk))

    image.refresh_from_db()
    assert image.review == Review.OPEN
    assert image.held_until > soon


@pytest.mark.django_db(transaction=True)
def test_the_same_batch_twice_at_one_moment_is_applied_once(image: Image, bob: User):
    label = LabelFactory(project=image.project)
    operation = put(label.pk)

    def send(_turn: int) -> int:
        try:
            return save(image, bob, operation, key="k", revision=0)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(send, range(4))) == [1, 1, 1, 1]

    assert image.annotations.count() == OperationLog.objects.count() == 1
