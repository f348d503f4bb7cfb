"""Counts and the log stay exact whatever is saved, by however many at once."""

import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from apps.accounts.models import User, Workspace
from apps.labeling.errors import RevisionConflictError
from apps.labeling.models import Image, Label, Verdict
from apps.labeling.services.bulk import apply_in_bulk
from apps.labeling.services.restoring import replay, restore_image, stated
from apps.labeling.services.saving import apply_operations
from apps.labeling.services.verdicts import reject
from apps.labeling.types import ImageState, Operation, Put, Remove, Shape, ShapeKind
from tests.factories.labeling import (
    ImageFactory,
    LabelFactory,
    PredictionFactory,
    ProjectFactory,
)


@pytest.fixture
def image(workspace: Workspace, alice: User) -> Image:
    return ImageFactory(project=ProjectFactory(workspace=workspace, created_by=alice))


@pytest.fixture
def label(image: Image) -> Label:
    return LabelFactory(project=image.project)


def put(label: Label, uid: uuid.UUID | None = None) -> Put:
    shape = Shape(
        id=uid or uuid.uuid4(),
        label_id=label.pk,
        kind=ShapeKind.BOX,
        bbox=(1, 2, 30, 4),
    )
    return Put(shape=shape)


def save(image: Image, user: User, *operations: Operation, key: str = "") -> int:
    return apply_operations(
        user=user,
        image_id=image.pk,
        revision=image.revision,
        key=key or str(uuid.uuid4()),
        operations=operations,
    )


def assert_exact(image: Image) -> None:
    """Check that count, revision and log say what is there."""
    image.refresh_from_db()
    assert image.num_annotations == image.annotations.count()
    log = list(image.log.order_by("revision"))
    assert [row.revision for row in log] == list(range(1, image.revision + 1))
    assert sorted(log, key=lambda row: row.at) == log
    assert replay(log) == {row.uid: stated(row) for row in image.annotations.all()}


def test_the_count_follows_a_random_history(image: Image, label: Label, bob: User):
    rng = random.Random(7)
    ids = [uuid.UUID(int=number) for number in range(8)]
    for turn in range(60):
        batch = [
            put(label, uid) if rng.random() < 0.6 else Remove(id=uid)
            for uid in rng.choices(ids, k=rng.randint(1, 6))
        ]
        save(image, bob, *batch, key=f"k{turn}")
        save(image, bob, *batch, key=f"k{turn}")
        assert_exact(image)
        if rng.random() < 0.2:
            restore_image(
                user=bob, image_id=image.pk, revision=rng.randint(0, image.revision)
            )
            assert_exact(image)


def test_saving_goes_on_from_what_an_import_counted(
    image: Image, label: Label, bob: User
):
    first, second = put(label), put(label)
    apply_in_bulk(user=bob, changes={image: [first, second]}, present={})

    save(image, bob, Remove(id=first.shape.id), put(label), put(label))

    assert_exact(image)
    assert image.num_annotations == 3


def test_an_image_that_only_lost_what_was_not_there_stays_unlabeled(
    image: Image, label: Label, bob: User
):
    save(image, bob, Remove(id=uuid.uuid4()))

    assert_exact(image)
    assert (image.num_annotations, image.state) == (0, ImageState.UNLABELED)


@pytest.mark.django_db(transaction=True)
def test_many_who_save_at_once_lose_and_miscount_nothing(
    image: Image, label: Label, bob: User
):
    rounds, shared = 15, uuid.uuid4()

    def draw(_person: int) -> int:
        """Put, change and remove; a conflict is merged and sent again."""
        refused = 0
        try:
            for _ in range(rounds):
                own = put(label)
                batch = [own, put(label, shared), Remove(id=shared), own]
                key, seen = str(uuid.uuid4()), Image.objects.get(pk=image.pk)
                while True:
                    try:
                        save(seen, bob, *batch, key=key)
                        break
                    except RevisionConflictError as conflict:
                        refused += 1
                        seen.revision = int(str(conflict.extra["revision"]))
        finally:
            connection.close()
        return refused

    with ThreadPoolExecutor(4) as pool:
        refused = sum(pool.map(draw, range(4)))

    assert refused > 0, "they never met"
    assert_exact(image)
    assert (image.revision, image.num_annotations) == (4 * rounds, 4 * rounds)


@pytest.mark.django_db(transaction=True)
def test_who_waited_for_anothers_save_is_refused_and_leaves_nothing(
    image: Image, label: Label, alice: User, bob: User
):
    proposal = PredictionFactory(image=image, label=label)
    reject(user=alice, image_id=image.pk, uids=[proposal.uid])
    there = put(label)
    image.revision = save(image, alice, there)
    refusals: list[RevisionConflictError] = []

    def late() -> None:
        try:
            save(image, bob, Remove(id=proposal.uid), Remove(id=there.shape.id))
        except RevisionConflictError as refusal:
            refusals.append(refusal)
        finally:
            connection.close()

    waiting = threading.Thread(target=late)
    with transaction.atomic():
        save(image, alice, put(label))
        waiting.start()
        until_somebody_waits()
    waiting.join()

    assert [row.extra for row in refusals] == [{"revision": 2}]
    assert Verdict.objects.count() == 1
    assert_exact(image)
    assert image.num_annotations == 2


def until_somebody_waits() -> None:
    """Wait for a connection that another's lock holds up."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            (num,) = cursor.fetchone()
        if num:
            return
        time.sleep(0.02)
    raise AssertionError("nobody waits")
