import random
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.labeling.errors import NoSuchMomentError
from apps.labeling.models import Image, OperationLog
from apps.labeling.services.restoring import restore_image, restore_project, stated
from apps.labeling.services.saving import apply_operations
from apps.labeling.types import Operation, Put, Remove, Shape, ShapeKind
from tests.factories.labeling import ImageFactory, LabelFactory, ProjectFactory

RING = [[1.1, 1.2], [20.3, 2.4], [10.5, 30.6]]


@pytest.fixture
def image(workspace: Workspace, alice: User) -> Image:
    return ImageFactory(project=ProjectFactory(workspace=workspace, created_by=alice))


def save(image: Image, user: User, *operations: Operation) -> None:
    image.revision = apply_operations(
        user=user,
        image_id=image.pk,
        revision=image.revision,
        key=str(uuid.uuid4()),
        operations=operations,
    )


def held(image: Image) -> dict[uuid.UUID, Shape]:
    return {row.uid: stated(row) for row in image.annotations.all()}


def random_operation(
    rng: random.Random, ids: list[uuid.UUID], label_id: int
) -> Operation:
    uid = rng.choice(ids)
    match rng.randrange(3):
        case 0:
            return Remove(id=uid)
        case 1:
            x, y = rng.random() * 300, rng.random() * 300
            return Put(
                shape=Shape(
                    id=uid,
                    label_id=label_id,
                    kind=ShapeKind.BOX,
                    bbox=(x, y, x + 9.7, y + 5.3),
                    attributes={"n": rng.random()},
                )
            )
    return Put(
        shape=Shape(
            id=uid,
            label_id=label_id,
            kind=ShapeKind.POLYGON,
            bbox=(0, 0, 1, 1),
            geometry={"points": RING, "holes": []},
            group=uuid.uuid4(),
            layer=rng.randrange(-2, 3),
        )
    )


def test_every_moment_of_a_random_history_can_be_had_again(image: Image, bob: User):
    label = LabelFactory(project=image.project)
    rng = random.Random(3)
    ids = [uuid.UUID(int=number) for number in range(6)]
    moments = [held(image)]
    for _ in range(12):
        batch = [random_operation(rng, ids, label.pk) for _ in range(rng.randint(1, 3))]
        save(image, bob, *batch)
        moments.append(held(image))

    for revision in rng.sample(range(13), 13):
        restore_image(user=bob, image_id=image.pk, revision=revision)
        assert held(image) == moments[revision]


def test_restoring_is_one_more_entry_by_who_did_it(
    image: Image, alice: User, bob: User
):
    label = LabelFactory(project=image.project)
    shape = Shape(
        id=uuid.uuid4(), label_id=label.pk, kind=ShapeKind.BOX, bbox=(1, 2, 30, 40)
    )
    save(image, bob, Put(shape=shape))

    assert restore_image(user=alice, image_id=image.pk, revision=0) == 2

    newest = image.log.latest("revision")
    assert (newest.user, newest.operations[0]["op"]) == (alice, "remove")


def test_where_nothing_differs_nothing_is_written(image: Image, bob: User):
    label = LabelFactory(project=image.project)
    polygon = Shape(
        id=uuid.uuid4(),
        label_id=label.pk,
        kind=ShapeKind.POLYGON,
        bbox=(0, 0, 1, 1),
        geometry={"points": RING, "holes": []},
    )
    save(image, bob, Put(shape=polygon))

    assert restore_image(user=bob, image_id=image.pk, revision=1) == 1


def test_a_revision_that_never_was_is_refused(image: Image, bob: User):
    with pytest.raises(NoSuchMomentError, match="revisions 0 to 0, not 5"):
        restore_image(user=bob, image_id=image.pk, revision=5)


def test_a_label_that_is_no_more_takes_its_shapes_along(image: Image, bob: User):
    gone, stays = (
        LabelFactory(project=image.project),
        LabelFactory(project=image.project),
    )
    shapes = [
        Shape(id=uuid.uuid4(), label_id=pk, kind=ShapeKind.BOX, bbox=(1, 2, 30, 40))
        for pk in (gone.pk, stays.pk)
    ]
    save(image, bob, *[Put(shape=shape) for shape in shapes])
    save(image, bob, *[Remove(id=shape.id) for shape in shapes])
    gone.delete()

    restore_image(user=bob, image_id=image.pk, revision=1)

    assert set(held(image)) == {shapes[1].id}


def test_a_project_goes_back_to_a_moment(image: Image, alice: User):
    other = ImageFactory(project=image.project)
    label = LabelFactory(project=image.project)
    early, late = (
        Shape(
            id=uuid.uuid4(), label_id=label.pk, kind=ShapeKind.BOX, bbox=(1, 2, 30, 40)
        )
        for _ in range(2)
    )
    save(image, alice, Put(shape=early))
    OperationLog.objects.update(at=timezone.now() - timedelta(hours=2))
    save(image, alice, Put(shape=late))
    save(other, alice, Put(shape=late))

    moment = timezone.now() - timedelta(hours=1)
    num = restore_project(user=alice, project_id=image.project_id, at=moment)

    assert (num, set(held(image)), set(held(other))) == (2, {early.id}, set())
