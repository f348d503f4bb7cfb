"""Several people label one image apart; what they agree on becomes its labels."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.labeling import selectors
from apps.labeling.errors import (
    BadOverlapError,
    NothingToMergeError,
    NothingToUndoError,
)
from apps.labeling.formats.source import project_items
from apps.labeling.models import Image, Label, OperationLog, Project
from apps.labeling.selectors.pace import pace_of
from apps.labeling.selectors.quality import quality_of
from apps.labeling.services.allocating import take_next
from apps.labeling.services.images import submit_image
from apps.labeling.services.merging import merge_copies, undo_merge
from apps.labeling.services.overlap import ask_several, mark_truths, sample_overlap
from apps.labeling.services.reviewing import send_back
from apps.labeling.services.saving import apply_operations
from apps.labeling.services.verdicts import reject
from apps.labeling.services.versions import make_version
from apps.labeling.types import ImageState, Put, Shape, ShapeKind
from tests.factories.accounts import UserFactory
from tests.factories.labeling import (
    AnnotationFactory,
    ImageFactory,
    LabelFactory,
    PredictionFactory,
    ProjectFactory,
)


@pytest.fixture
def project(workspace: Workspace, alice: User) -> Project:
    return ProjectFactory(workspace=workspace, created_by=alice)


@pytest.fixture
def label(project: Project) -> Label:
    return LabelFactory(project=project, name="dent")


@pytest.fixture
def ann(workspace: Workspace) -> User:
    user = UserFactory(email="ann@example.com")
    Membership.objects.create(workspace=workspace, user=user, role=Role.ANNOTATOR)
    return user


@pytest.fixture
def shared(project: Project, alice: User) -> Image:
    image = ImageFactory(project=project, created_by=alice)
    ask(alice, image, num_people=2)
    image.refresh_from_db()
    return image


def ask(user: User, *images: Image, num_people: int) -> list[int]:
    return ask_several(
        user=user,
        project_id=images[0].project_id,
        image_ids=[image.pk for image in images],
        num_people=num_people,
    )


def take(user: User, project: Project) -> Image:
    image_id = take_next(user=user, project_id=project.pk)
    assert image_id is not None
    return Image.documents.get(pk=image_id)


def draw(user: User, image: Image, label: Label, *xs: float) -> None:
    image.refresh_from_db()
    apply_operations(
        user=user,
        image_id=image.pk,
        revision=image.revision,
        key=str(uuid.uuid4()),
        operations=[
            Put(
                shape=Shape(
                    id=uuid.uuid4(),
                    label_id=label.pk,
                    kind=ShapeKind.BOX,
                    bbox=(x, 0, x + 10, 10),
                )
            )
            for x in xs
        ],
    )


def hand_in(user: User, project: Project, label: Label, *xs: float) -> Image:
    copy = take(user, project)
    if xs:
        draw(user, copy, label, *xs)
    return submit_image(user=user, image_id=copy.pk)


def lefts(image: Image) -> list[float]:
    return sorted(image.annotations.values_list("x1", flat=True))


def test_each_person_has_a_copy_and_sees_no_other(
    project: Project, label: Label, shared: Image, bob: User, ann: User, alice: User
):
    bobs = hand_in(bob, project, label, 0)
    anns = take(ann, project)

    assert (bobs.copy_of, anns.copy_of) == (shared, shared)
    assert not anns.annotations.exists()
    for hidden in (bobs, shared):
        with pytest.raises(NotFoundError):
            selectors.access_image(user=ann, image_id=hidden.pk)
    assert selectors.access_image(user=alice, image_id=bobs.pk) == bobs
    assert take_next(user=bob, project_id=project.pk) is None


def test_no_more_people_get_it_than_were_asked(
    project: Project, shared: Image, bob: User, ann: User, alice: User
):
    first, second = take(bob, project), take(ann, project)

    assert take_next(user=alice, project_id=project.pk) is None
    assert take(bob, project) == first != second


def test_a_copy_that_nobody_began_goes_to_the_next_after_a_while(
    project: Project, shared: Image, bob: User, ann: User, alice: User
):
    take(bob, project)
    left = take(ann, project)
    Image.documents.filter(pk=left.pk).update(held_until=timezone.now())

    assert take(alice, project) == left

    assert Image.documents.filter(copy_of=shared).count() == 2


def test_copies_are_no_images_of_the_project(
    project: Project, label: Label, shared: Image, bob: User, alice: User
):
    hand_in(bob, project, label, 0, 50)

    assert [
        item.id for item in project_items(project_id=project.pk, only_submitted=False)
    ] == [shared.pk]
    version = make_version(user=alice, project_id=project.pk, only_submitted=False)
    listed = selectors.list_projects(user=alice).get()
    assert (version.num_images, version.num_annotations) == (1, 0)
    assert (listed.num_images, listed.num_open) == (1, 1)
    assert selectors.count_images(project_id=project.pk).states["submitted"] == 0
    assert selectors.count_labels(project_id=project.pk)[0].num_objects == 0


def test_each_judges_the_models_proposals_alone(
    project: Project, shared: Image, bob: User, ann: User
):
    proposal = PredictionFactory(image=shared)
    bobs, anns = take(bob, project), take(ann, project)

    assert reject(user=bob, image_id=bobs.pk, uids=[proposal.uid]) == 1

    assert selectors.list_judged(bobs).get().is_rejected
    assert not selectors.list_judged(anns).get().is_rejected


def test_what_most_people_drew_becomes_the_images_labels_and_can_be_taken_back(
    project: Project, label: Label, shared: Image, bob: User, ann: User, alice: User
):
    hand_in(bob, project, label, 0, 50)
    hand_in(ann, project, label, 2, 50)

    (merge,) = merge_copies(user=alice, project_id=project.pk)

    shared.refresh_from_db()
    assert (shared.state, merge.num_disputed) == (ImageState.SUBMITTED, 0)
    assert (lefts(shared), shared.num_annotations) == ([1, 50], 2)
    undo_merge(user=alice, image_id=shared.pk)
    shared.refresh_from_db()
    assert (shared.state, lefts(shared)) == (ImageState.UNLABELED, [])
    assert shared.num_annotations == 0
    assert shared.revision == 2
    with pytest.raises(NothingToUndoError):
        undo_merge(user=alice, image_id=shared.pk)
    assert merge_copies(user=alice, project_id=project.pk)


def test_a_disputed_image_waits_for_a_reviewer(
    project: Project, label: Label, shared: Image, bob: User, ann: User, alice: User
):
    hand_in(bob, project, label, 0, 50)
    hand_in(ann, project, label, 0)

    (merge,) = merge_copies(user=alice, project_id=project.pk)

    shared.refresh_from_db()
    assert (shared.state, merge.num_disputed) == (ImageState.IN_PROGRESS, 1)
    assert lefts(shared) == [0]
    quality = quality_of(project_id=project.pk)
    assert (quality.disputed, quality.num_ready) == ([shared.pk], 0)


def test_images_wait_until_everybody_has_submitted(
    project: Project, label: Label, shared: Image, bob: User, ann: User, alice: User
):
    ask(alice, shared, num_people=3)
    hand_in(bob, project, label, 0)
    hand_in(ann, project, label, 0)

    with pytest.raises(NothingToMergeError, match="two people"):
        merge_copies(user=alice, project_id=project.pk)
    chosen = merge_copies(user=alice, project_id=project.pk, image_ids=[shared.pk])

    assert [row.num_people for row in chosen] == [2]


def test_only_images_that_nobody_has_begun_are_shared(
    project: Project, alice: User, bob: User
):
    new, begun, held = ImageFactory.create_batch(3, project=project, created_by=alice)
    Image.objects.filter(pk=begun.pk).update(state=ImageState.IN_PROGRESS)
    Image.objects.filter(pk=held.pk).update(
        assignee=bob, held_until=timezone.now() + timedelta(hours=1)
    )

    assert ask(alice, new, begun, held, num_people=3) == [new.pk]
    with pytest.raises(BadOverlapError, match="1 to 20"):
        ask(alice, new, num_people=21)
    assert ask(alice, new, num_people=1) == [new.pk]
    sampled = sample_overlap(
        user=alice, project_id=project.pk, num_images=5, num_people=2
    )
    assert sampled == [new.pk]


def test_a_test_looks_like_work_and_is_marked(
    project: Project, label: Label, alice: User, bob: User
):
    truth = ImageFactory(project=project, created_by=alice, state=ImageState.SUBMITTED)
    for x in (0.0, 50.0):
        AnnotationFactory(image=truth, label=label, x1=x, y1=0, x2=x + 10, y2=10)
    ImageFactory(project=project, created_by=alice)
    Project.objects.filter(pk=project.pk).update(honeypot_percent=100)
    mark_truths(user=alice, project_id=project.pk, image_ids=[truth.pk], is_truth=True)

    test = hand_in(bob, project, label, 0, 30)

    assert test.copy_of == truth
    with pytest.raises(NotFoundError):
        selectors.access_image(user=bob, image_id=truth.pk)
    (card,) = quality_of(project_id=project.pk).cards
    assert card.tests is not None
    assert (card.user, card.tests.value) == (bob, 0.5)
    assert (card.num_missed, card.num_extra, card.num_confused) == (1, 1, 0)
    assert take(bob, project).copy_of is None


def test_agreement_is_told_for_the_project_and_each_person(
    project: Project, label: Label, shared: Image, bob: User, ann: User
):
    hand_in(bob, project, label, 0, 50)
    hand_in(ann, project, label, 0)

    quality = quality_of(project_id=project.pk)

    assert quality.f1 is not None
    assert quality.f1.value == pytest.approx(2 / 3)
    assert [one.image_id for one in quality.least_alike] == [shared.pk]
    assert quality.num_ready == 1
    assert [card.agreement and card.agreement.value for card in quality.cards] == (
        [pytest.approx(2 / 3)] * 2
    )


def saved_at(image: Image, user: User, seconds: Sequence[int]) -> None:
    start = timezone.now()
    put: dict[str, Any] = {"op": "put", "shape": {}}
    for number, at in enumerate(seconds):
        row = OperationLog.objects.create(
            image=image,
            revision=number + 1,
            key=str(uuid.uuid4()),
            user=user,
            operations=[put],
        )
        OperationLog.objects.filter(pk=row.pk).update(at=start + timedelta(seconds=at))


def test_only_time_between_changes_that_follow_each_other_is_work(
    shared: Image, bob: User
):
    saved_at(shared, bob, [0, 20, 120, 5000, 5030])

    pace = pace_of(project_id=shared.project_id)[bob.pk]

    assert (pace.active_s, pace.num_changes) == (pytest.approx(150), 5)


def test_a_score_card_tells_the_pace_and_what_was_sent_back(
    project: Project, alice: User, bob: User, ann: User
):
    images = ImageFactory.create_batch(3, project=project)
    for image in images:
        submit_image(user=bob, image_id=image.pk)
    saved_at(images[0], bob, [0, 20, 50])
    send_back(user=alice, image_id=images[1].pk, text="Tighter.")
    submit_image(user=ann, image_id=ImageFactory(project=project).pk)

    cards = {card.user: card for card in quality_of(project_id=project.pk).cards}

    assert (cards[bob].num_submitted, cards[bob].num_sent_back) == (2, 1)
    assert cards[bob].s_per_change == pytest.approx(50 / 3)
    assert (cards[ann].num_submitted, cards[ann].num_sent_back) == (1, 0)
    assert cards[ann].s_per_change is None


def test_what_comes_back_corrected_is_sent_back_no_more(
    project: Project, alice: User, bob: User
):
    image = ImageFactory(project=project)
    submit_image(user=bob, image_id=image.pk)
    send_back(user=alice, image_id=image.pk, text="Tighter.")

    submit_image(user=bob, image_id=image.pk)

    (card,) = quality_of(project_id=project.pk).cards
    assert (card.num_submitted, card.num_sent_back) == (1, 0)
