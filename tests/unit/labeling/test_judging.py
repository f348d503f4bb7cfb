import uuid

import pytest

from apps.accounts.models import User, Workspace
from apps.labeling import selectors
from apps.labeling.errors import BadOperationError
from apps.labeling.formats.geometry import pack
from apps.labeling.models import Image, Verdict
from apps.labeling.services.calibration import calibrate, fit_rising
from apps.labeling.services.judging import Decision, judge
from apps.labeling.services.saving import apply_operations
from apps.labeling.services.verdicts import record, reject
from apps.labeling.types import Put, Remove, Says, Shape, ShapeKind, Source
from tests.factories.labeling import (
    AnnotationFactory,
    ImageFactory,
    LabelFactory,
    PredictionFactory,
    ProjectFactory,
)


@pytest.fixture
def image(workspace: Workspace, alice: User) -> Image:
    return ImageFactory(project=ProjectFactory(workspace=workspace, created_by=alice))


def decide(
    user: User, image: Image, uid: uuid.UUID, says: Says, **given: object
) -> int:
    decision = Decision(image_id=image.pk, uid=uid, says=says, **given)
    return judge(user=user, project_id=image.project_id, decisions=[decision])


def open_uids(image: Image) -> list[uuid.UUID]:
    rows = selectors.list_open_proposals(project_id=image.project_id)
    return [row.uid for row in rows]


def test_an_accepted_proposal_becomes_an_annotation_by_an_operation(
    image: Image, bob: User
):
    proposal = PredictionFactory(image=image)

    assert decide(bob, image, proposal.uid, Says.ACCEPT) == 1

    drawn = image.annotations.get()
    image.refresh_from_db()
    assert (drawn.uid, drawn.source, drawn.score) == (proposal.uid, "prediction", 0.9)
    assert (image.revision, image.log.get().user) == (1, bob)
    assert Verdict.objects.get().is_right
    assert open_uids(image) == []


def test_an_accepted_outline_stays_an_outline(image: Image, bob: User):
    outline = {"points": [[12.0, 22.0], [108.0, 22.0], [60.0, 69.0]], "holes": []}
    packed = pack(ShapeKind.POLYGON, outline)
    proposal = PredictionFactory(image=image, kind=ShapeKind.POLYGON, packed=packed)

    decide(bob, image, proposal.uid, Says.ACCEPT)

    drawn = image.annotations.get()
    assert (drawn.kind, bytes(drawn.packed)) == (ShapeKind.POLYGON, packed)
    assert drawn.bbox == proposal.bbox


def test_accepting_twice_is_accepting_once(image: Image, bob: User):
    proposal = PredictionFactory(image=image)
    decide(bob, image, proposal.uid, Says.ACCEPT)

    assert decide(bob, image, proposal.uid, Says.ACCEPT) == 0

    image.refresh_from_db()
    assert (image.revision, image.annotations.count()) == (1, 1)


def test_what_somebody_has_drawn_already_is_not_added_again(image: Image, bob: User):
    proposal = PredictionFactory(image=image)
    AnnotationFactory(image=image, label=proposal.label)

    assert decide(bob, image, proposal.uid, Says.ACCEPT) == 0

    assert image.annotations.count() == 1


def test_a_wrong_label_is_corrected_and_counts_against_the_model(
    image: Image, bob: User
):
    proposal = PredictionFactory(image=image)
    other = LabelFactory(project=image.project)

    decide(bob, image, proposal.uid, Says.ACCEPT, label_id=other.pk)

    assert image.annotations.get().label == other
    assert not Verdict.objects.get().is_right


def test_a_label_of_another_project_is_refused_whole(image: Image, bob: User):
    proposal = PredictionFactory(image=image)

    with pytest.raises(BadOperationError, match="choose another"):
        decide(bob, image, proposal.uid, Says.ACCEPT, label_id=LabelFactory().pk)

    assert open_uids(image) == [proposal.uid]


def test_a_rejected_proposal_waits_no_more_and_opening_it_takes_that_back(
    image: Image, bob: User
):
    proposal = PredictionFactory(image=image)

    decide(bob, image, proposal.uid, Says.REJECT)
    assert open_uids(image) == []
    assert selectors.list_judged(image).get().is_rejected

    decide(bob, image, proposal.uid, Says.OPEN)
    assert open_uids(image) == [proposal.uid]


def test_rejecting_or_opening_an_accepted_one_removes_its_annotation(
    image: Image, bob: User
):
    first, second = PredictionFactory(image=image), PredictionFactory(image=image)
    for proposal in (first, second):
        decide(bob, image, proposal.uid, Says.ACCEPT)

    decide(bob, image, first.uid, Says.REJECT)
    decide(bob, image, second.uid, Says.OPEN)

    assert image.annotations.count() == 0
    assert open_uids(image) == [second.uid]


def test_proposals_of_other_projects_are_left_alone(image: Image, bob: User):
    stranger = PredictionFactory()

    wrong = Decision(image_id=stranger.image_id, uid=stranger.uid, says=Says.REJECT)
    judge(user=bob, project_id=image.project_id, decisions=[wrong])

    assert not Verdict.objects.exists()


def test_the_editors_saving_tells_right_from_wrong(image: Image, bob: User):
    kept, moved = PredictionFactory(image=image), PredictionFactory(image=image)

    def taken(proposal: object, bbox: tuple[float, float, float, float]) -> Put:
        return Put(
            shape=Shape(
                id=proposal.uid,
                label_id=proposal.label_id,
                kind=ShapeKind.BOX,
                bbox=bbox,
                source=Source.PREDICTION,
                score=proposal.score,
            )
        )

    operations = [taken(kept, kept.bbox), taken(moved, (300.0, 300.0, 400.0, 400.0))]
    apply_operations(
        user=bob, image_id=image.pk, revision=0, key="1", operations=operations
    )
    verdicts = dict(Verdict.objects.values_list("uid", "is_right"))
    assert verdicts == {kept.uid: True, moved.uid: False}

    apply_operations(
        user=bob,
        image_id=image.pk,
        revision=1,
        key="2",
        operations=[Remove(id=kept.uid)],
    )
    assert set(Verdict.objects.values_list("uid", flat=True)) == {moved.uid}


def test_rejections_from_the_editor_are_idempotent(image: Image, bob: User):
    proposal = PredictionFactory(image=image)

    for _ in range(2):
        num = reject(user=bob, image_id=image.pk, uids=[proposal.uid, uuid.uuid4()])
        assert num == 1

    assert Verdict.objects.count() == 1


def test_without_verdicts_a_score_is_believed(image: Image):
    calibration = calibrate(project_id=image.project_id)

    assert calibration.num_verdicts == 0
    assert all(score == pytest.approx(share) for score, share in calibration.points)


def test_verdicts_teach_that_a_model_is_surer_than_it_should_be(
    image: Image, bob: User
):
    for number in range(40):
        proposal = PredictionFactory(image=image, score=0.9)
        record(user=bob, image=proposal.image, judged=[(proposal, number % 2 == 0)])

    points = calibrate(project_id=image.project_id).points

    shares = [share for _score, share in points]
    assert shares == sorted(shares)
    near = min(points, key=lambda point: abs(point[0] - 0.9))
    assert near[1] == pytest.approx(0.52, abs=0.05)


def test_neighbours_that_fall_are_pooled():
    assert fit_rising([(0.1, 0.0), (0.4, 1.0), (0.6, 0.0), (0.9, 1.0)]) == [
        (0.1, 0.0),
        (0.5, 0.5),
        (0.9, 1.0),
    ]
