from dataclasses import replace

import pytest

from apps.accounts.models import User, Workspace
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.jobs import services as jobs
from apps.jobs.errors import StaleAttemptError
from apps.jobs.models import Job
from apps.jobs.types import Claim, JobStatus
from apps.labeling.formats.geometry import unpack
from apps.labeling.models import Image, Project
from apps.labeling.services import prelabels
from apps.labeling.types import Found, ImageState, ShapeKind
from apps.marketplace.types import INSTANCES_FORMAT, READS
from tests.factories.labeling import (
    ImageFactory,
    LabelFactory,
    PredictionFactory,
    ProjectFactory,
)
from tests.factories.marketplace import ModelRevisionFactory

SCRATCH = Found(label="Scratch", score=0.8, bbox=(1.0, 2.0, 3.0, 4.0))
RUST = Found(label="rust", score=0.8, bbox=(1.0, 2.0, 3.0, 4.0))


@pytest.fixture
def project(workspace: Workspace, alice: User) -> Project:
    project = ProjectFactory(workspace=workspace, created_by=alice)
    LabelFactory(project=project, name="scratch")
    ModelRevisionFactory(model__name="small")
    return project


def start(user: User, project: Project, **given: object) -> Job:
    return prelabels.start_prelabel(user=user, project_id=project.pk, **given)


def claim(job: Job) -> Claim:
    found = jobs.claim_job(job_id=job.pk, worker="w")
    assert found is not None
    jobs.start_running(found, num_total=len(found.params["image_ids"]))
    return found


def test_a_job_knows_its_images_and_the_classes_in_common(project: Project, bob: User):
    waiting = ImageFactory(project=project)
    ImageFactory(project=project, state=ImageState.SUBMITTED)

    job = start(bob, project)

    assert job.params["image_ids"] == [waiting.pk]
    assert job.params["labels"] == ["scratch"]
    assert job.params[READS] == [job.params["model_revision_id"]]
    assert job.status == JobStatus.QUEUED


def test_what_a_label_may_not_be_drawn_as_is_not_proposed(project: Project, bob: User):
    image = ImageFactory(project=project)
    label = project.labels.get()
    label.kinds = [ShapeKind.BOX]
    label.save()
    job = start(bob, project)

    held = claim(job)
    outline = replace(
        SCRATCH,
        kind=ShapeKind.POLYGON,
        geometry={"points": [[0, 0], [9, 0], [9, 9]], "holes": []},
    )
    prelabels.record_predictions(held, image_id=image.pk, found=[SCRATCH, outline])

    assert [row.kind for row in image.predictions.all()] == [ShapeKind.BOX]
    label.kinds = [ShapeKind.POLYGON]
    label.save()
    with pytest.raises(prelabels.NoCommonClassError, match="drawn as it draws them"):
        start(bob, project)


def test_it_is_queued_once_the_transaction_commits(
    project: Project, bob: User, django_capture_on_commit_callbacks
):
    ImageFactory(project=project)

    with django_capture_on_commit_callbacks() as after_commit:
        start(bob, project)

    assert len(after_commit) == 2


def test_an_unknown_model_is_answered_with_the_known_ones(project: Project, bob: User):
    ImageFactory(project=project)

    with pytest.raises(NotFoundError, match="'large'; there are: small"):
        start(bob, project, model="large")

    assert not Job.objects.exists()


def test_a_model_without_a_common_class_is_refused(project: Project, bob: User):
    ModelRevisionFactory(model__name="birds", classes=["bird"])
    ImageFactory(project=project)

    with pytest.raises(prelabels.NoCommonClassError, match="birds finds bird"):
        start(bob, project, model="birds")


def test_unnamed_is_the_model_that_knows_most_of_the_labels(
    project: Project, bob: User
):
    ModelRevisionFactory(model__name="birds", classes=["bird"])
    ImageFactory(project=project)

    assert start(bob, project).params["model"].startswith("small@")


def test_nothing_to_do_is_said(project: Project, bob: User):
    with pytest.raises(prelabels.NothingToDoError):
        start(bob, project)


def test_a_viewer_does_not_start_one(project: Project, vera: User):
    ImageFactory(project=project)

    with pytest.raises(Exception, match=f"needs the role {Role.ANNOTATOR}"):
        start(vera, project)


def test_answers_replace_the_layer_and_count_once(project: Project, bob: User):
    image = ImageFactory(project=project)
    PredictionFactory(image=image, label=project.labels.get())
    held = claim(start(bob, project))

    prelabels.record_predictions(held, image_id=image.pk, found=[SCRATCH, RUST])

    only = image.predictions.get()
    assert (only.bbox, only.score) == (SCRATCH.bbox, 0.8)
    assert only.model.startswith("small@")
    image.refresh_from_db()
    assert image.num_predictions == 1
    assert Job.objects.get().num_done == 1


def test_an_outline_and_a_mask_are_kept_with_the_box_around_them(
    project: Project, bob: User
):
    image = ImageFactory(project=project)
    ModelRevisionFactory(model__name="cells", format=INSTANCES_FORMAT)
    outline = {"points": [[2.0, 3.0], [9.5, 3.0], [9.5, 8.0]], "holes": []}
    mask = {"origin": [20, 30], "size": [4, 2], "counts": [0, 2, 4, 2]}
    found = [
        Found(
            label="scratch",
            score=0.9,
            bbox=(0, 0, 10, 10),
            kind=ShapeKind.POLYGON,
            geometry=outline,
        ),
        Found(
            label="scratch",
            score=0.8,
            bbox=(20, 29, 25, 33),
            kind=ShapeKind.MASK,
            geometry=mask,
        ),
    ]
    held = claim(start(bob, project, model="cells"))

    prelabels.record_predictions(held, image_id=image.pk, found=found)

    drawn, painted = image.predictions.all()
    assert drawn.model.startswith("cells@")
    assert unpack(ShapeKind(drawn.kind), bytes(drawn.packed)) == outline
    assert drawn.bbox == (2.0, 3.0, 9.5, 8.0)
    assert unpack(ShapeKind(painted.kind), bytes(painted.packed)) == mask
    assert painted.bbox == (20, 30, 24, 32)


def test_an_attempt_that_lost_its_job_writes_nothing(project: Project, bob: User):
    image = ImageFactory(project=project)
    job = start(bob, project)
    old = claim(job)
    Job.objects.filter(pk=job.pk).update(lease_until="2020-01-01T00:00:00Z")
    jobs.requeue_lost_jobs()
    claim(job)

    with pytest.raises(StaleAttemptError):
        prelabels.record_predictions(old, image_id=image.pk, found=[SCRATCH])

    assert not image.predictions.exists()


def test_the_next_attempt_goes_on_where_the_first_stopped(project: Project, bob: User):
    images: list[Image] = ImageFactory.create_batch(3, project=project)
    held = claim(start(bob, project))

    prelabels.record_predictions(held, image_id=images[0].pk, found=[])
    prelabels.record_failure(held, image_id=images[1].pk, reason="truncated")

    left = prelabels.images_to_detect(held)
    assert left == [(images[2].pk, images[2].sha256)]


def test_an_image_says_how_little_sure_the_model_is_of_it(project: Project, bob: User):
    image = ImageFactory(project=project)
    held = claim(start(bob, project))
    sure = Found(label="scratch", score=0.97, bbox=(0, 0, 9, 9))
    unsure = Found(label="scratch", score=0.4, bbox=(0, 0, 9, 9))

    prelabels.record_predictions(held, image_id=image.pk, found=[sure, unsure])
    image.refresh_from_db()
    first = image.doubt
    prelabels.record_predictions(held, image_id=image.pk, found=[RUST])
    image.refresh_from_db()

    assert first == pytest.approx(0.8)
    assert image.doubt == 0
