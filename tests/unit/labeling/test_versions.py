"""Dataset versions: frozen, shared, compared, restored, laid out for training."""

import contextlib
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from pycocotools.coco import COCO

from apps.accounts.models import User, Workspace
from apps.core import blobs
from apps.core.errors import NotFoundError
from apps.labeling import selectors
from apps.labeling.errors import NothingToFreezeError
from apps.labeling.formats.frozen import KIND_CODES
from apps.labeling.formats.geometry import pack
from apps.labeling.models import (
    Annotation,
    DatasetVersion,
    FrozenImage,
    Image,
    Label,
    OperationLog,
    Project,
    VersionImage,
)
from apps.labeling.selectors.differences import Tally, diff_versions
from apps.labeling.services import versions
from apps.labeling.services.images import add_image, delete_image
from apps.labeling.services.projects import create_project, delete_label
from apps.labeling.services.restoring import replay, stated
from apps.labeling.services.restoring_versions import restore_version
from apps.labeling.services.versions import make_version, write_training_folder
from apps.labeling.types import ImageState, ShapeKind, Shares
from deepseek_vision.data.coco import read_coco
from tests.factories.labeling import AnnotationFactory, ImageFactory, ProjectFactory


@pytest.fixture
def project(alice: User, workspace: Workspace) -> Project:
    return create_project(
        user=alice, workspace_id=workspace.pk, name="Line 3", labels=["scratch", "dent"]
    )


@pytest.fixture
def labels(project: Project) -> tuple[Label, Label]:
    scratch, dent = project.labels.all()
    return scratch, dent


def submitted(project: Project, num: int) -> list[Image]:
    return ImageFactory.create_batch(num, project=project, state="submitted")


def version(number: int) -> DatasetVersion:
    return DatasetVersion.objects.get(number=number)


def test_a_version_counts_what_it_froze(alice: User, project: Project, labels):
    first, _second = submitted(project, 2)
    ImageFactory(project=project)  # nobody has finished it
    AnnotationFactory.create_batch(3, image=first, label=labels[0])

    made = make_version(user=alice, project_id=project.pk, note="first")

    assert (made.number, made.project, made.note) == (1, "Line 3", "first")
    assert made.classes == ("scratch", "dent")
    assert (made.num_images, made.num_annotations) == (2, 3)
    assert sum(made.splits.values()) == 2
    assert selectors.access_dataset_version(user=alice, version_id=made.id) == made
    assert selectors.list_dataset_versions(user=alice) == [made]


def test_all_images_where_asked(alice: User, project: Project):
    ImageFactory.create_batch(2, project=project)

    with pytest.raises(NothingToFreezeError, match="no image is submitted"):
        make_version(user=alice, project_id=project.pk)
    made = make_version(user=alice, project_id=project.pk, only_submitted=False)

    assert made.num_images == 2
    assert DatasetVersion.objects.count() == 1


def test_the_same_content_is_the_same_version(alice: User, project: Project, labels):
    image, other = submitted(project, 2)
    AnnotationFactory(image=image, label=labels[0])

    first = make_version(user=alice, project_id=project.pk)
    again = make_version(user=alice, project_id=project.pk)
    Annotation.objects.update(x1=11)
    changed = make_version(user=alice, project_id=project.pk)

    assert again == first
    assert changed.number == 2
    assert changed.content_hash != first.content_hash
    assert FrozenImage.objects.filter(sha256=other.sha256).count() == 1
    assert FrozenImage.objects.filter(sha256=image.sha256).count() == 2


def test_strangers_see_no_version(alice: User, charlie: User, project: Project):
    submitted(project, 1)
    made = make_version(user=alice, project_id=project.pk)

    with pytest.raises(NotFoundError):
        selectors.access_dataset_version(user=charlie, version_id=made.id)
    assert selectors.list_dataset_versions(user=charlie) == []


def test_the_database_refuses_to_change_a_version(alice: User, project: Project):
    submitted(project, 3)
    make_version(user=alice, project_id=project.pk)

    for rows, change in (
        (DatasetVersion.objects.all(), {"note": "no"}),
        (VersionImage.objects.all(), {"split": "test"}),
        (FrozenImage.objects.all(), {"name": "no"}),
    ):
        with (
            pytest.raises(IntegrityError, match="does not change"),
            transaction.atomic(),
        ):
            rows.update(**change)


def test_splits_follow_from_the_bytes_and_stay(alice: User, project: Project):
    submitted(project, 200)
    make_version(user=alice, project_id=project.pk, shares=Shares(train=70, val=20))
    submitted(project, 50)
    later = make_version(user=alice, project_id=project.pk)

    def splits(number: int) -> dict[str, str]:
        rows = VersionImage.objects.filter(version__number=number)
        return dict(rows.values_list("image__sha256", "split"))

    assert splits(1).items() <= splits(2).items()
    assert 140 < later.splits["train"] < 210
    assert 25 < later.splits["val"] < 75
    assert 10 < later.splits["test"] < 45


def test_a_split_that_was_set_by_hand_is_kept(alice: User, project: Project):
    images = submitted(project, 4)
    Image.objects.filter(pk=images[2].pk).update(split="test")

    make_version(user=alice, project_id=project.pk, shares=Shares(train=100, val=0))

    rows = VersionImage.objects.filter(split="test")
    assert [row.image.sha256 for row in rows] == [images[2].sha256]


@pytest.mark.parametrize("num", range(3, 12))
def test_a_small_set_has_something_to_validate_on(
    alice: User, project: Project, num: int
):
    submitted(project, num)

    made = make_version(user=alice, project_id=project.pk)

    assert set(made.splits) == {"train", "val", "test"}


def test_no_split_stays_empty_wherever_bytes_put_the_images(
    alice: User, workspace: Workspace
):
    for seed in range(12):
        project = ProjectFactory(workspace=workspace, created_by=alice)
        for number in range(3):
            digest = hashlib.sha256(f"{seed} {number}".encode()).hexdigest()
            ImageFactory(project=project, state="submitted", sha256=digest)

        made = make_version(user=alice, project_id=project.pk)

        assert made.splits == {"train": 1, "val": 1, "test": 1}


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_does_not_mislead_the_next_version(
    alice: User, project: Project
):
    submitted(project, 300)
    with transaction.atomic():
        make_version(user=alice, project_id=project.pk)
        transaction.set_rollback(True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM labeling_frozenimage, labeling_versionimage")
    make_version(user=alice, project_id=project.pk)
    plans = []

    def explained(execute, sql, params, many, context):
        if "INSERT INTO labeling_frozenimage" in sql:
            execute(f"EXPLAIN {sql}", params, many, context)
            plans.append("\n".join(row for (row,) in context["cursor"].fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        make_version(user=alice, project_id=project.pk, only_submitted=False)

    assert plans[0].count("Nested Loop") == 1  # an image and what is on it
    with connection.cursor() as cursor:
        cursor.execute("SHOW enable_nestloop")
        assert cursor.fetchone() == ("on",)


def test_a_large_version_tells_the_planner_of_its_rows(
    alice: User,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., Any],
):
    submitted(project, 3)
    monkeypatch.setattr(versions, "NUM_TO_ANALYZE", 3)

    with django_capture_on_commit_callbacks(execute=True):
        make_version(user=alice, project_id=project.pk)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reltuples FROM pg_class WHERE relname = 'labeling_versionimage'"
        )
        assert cursor.fetchone() == (3,)


def test_shares_are_per_cent():
    with pytest.raises(ValueError, match="got 80 and 30"):
        Shares(train=80, val=30)


def test_every_kind_of_shape_can_be_frozen():
    assert set(KIND_CODES) == set(ShapeKind)
    assert len(set(KIND_CODES.values())) == len(ShapeKind)


def test_a_difference_names_images_boxes_and_classes(
    alice: User, project: Project, labels
):
    scratch, dent = labels
    kept, moved, gone = submitted(project, 3)
    AnnotationFactory(image=kept, label=dent)
    box = AnnotationFactory(image=moved, label=scratch)
    AnnotationFactory.create_batch(2, image=moved, label=dent)
    AnnotationFactory(image=gone, label=dent)
    make_version(user=alice, project_id=project.pk)
    moved.annotations.filter(label=dent).delete()
    Annotation.objects.filter(pk=box.pk).update(attributes={"depth": "deep"})
    delete_image(user=alice, image_id=gone.pk)
    new = submitted(project, 1)[0]
    AnnotationFactory.create_batch(4, image=new, label=scratch)
    Label.objects.filter(pk=dent.pk).update(name="bump")
    make_version(user=alice, project_id=project.pk)

    found = diff_versions(old=version(1), new=version(2))

    assert found.num_images == {"added": 1, "removed": 1, "changed": 1}
    assert found.classes == {
        "scratch": Tally(added=4, changed=1),
        "bump": Tally(removed=3),
    }
    assert found.renamed == [("dent", "bump")]
    assert {(one.kind, one.name) for one in found.images} == {
        ("added", new.name),
        ("removed", gone.name),
        ("changed", moved.name),
    }
    assert diff_versions(old=version(2), new=version(2)).tally == Tally()


def test_a_restore_brings_back_boxes_labels_and_deleted_images(
    alice: User, project: Project, labels
):
    scratch, dent = labels
    first, second = submitted(project, 2)
    turned = {"center": [40.0, 40.0], "size": [20.0, 10.0], "angle": 30.0}
    AnnotationFactory(
        image=first,
        label=scratch,
        kind=ShapeKind.ROTATED_BOX,
        packed=pack(ShapeKind.ROTATED_BOX, turned),
        attributes={"depth": "deep"},
        is_occluded=True,
        score=0.5,
    )
    AnnotationFactory(image=second, label=dent)
    made = make_version(user=alice, project_id=project.pk)
    Annotation.objects.all().delete()
    delete_label(user=alice, project_id=project.pk, label_id=dent.pk)
    delete_image(user=alice, image_id=second.pk)
    later = ImageFactory(project=project)

    done = restore_version(user=alice, version_id=made.id)
    again = make_version(user=alice, project_id=project.pk)

    assert (done.num_added, done.num_changed) == (1, 1)
    assert again.content_hash == made.content_hash
    assert Image.objects.filter(pk=later.pk).exists()
    first.refresh_from_db()
    assert (first.revision, first.state) == (1, ImageState.SUBMITTED)
    assert first.said == "deep"
    (replayed,) = replay(OperationLog.objects.filter(image=first)).values()
    assert replayed == stated(first.annotations.get())


def test_a_restored_label_is_drawn_as_it_was(alice: User, project: Project, labels):
    scratch, dent = labels
    submitted(project, 1)
    scratch.kinds = ["polygon"]
    scratch.save()
    made = make_version(user=alice, project_id=project.pk)
    for label in labels:
        delete_label(user=alice, project_id=project.pk, label_id=label.pk)

    restore_version(user=alice, version_id=made.id)

    kinds = dict(project.labels.values_list("pk", "kinds"))
    assert kinds == {scratch.pk: ["polygon"], dent.pk: []}


def test_a_restore_can_be_undone(alice: User, project: Project, labels):
    (image,) = submitted(project, 1)
    made = make_version(user=alice, project_id=project.pk)
    AnnotationFactory.create_batch(5, image=image, label=labels[0])

    done = restore_version(user=alice, version_id=made.id)
    without = Annotation.objects.count()
    assert done.before is not None
    restore_version(user=alice, version_id=done.before.id)

    assert without == 0
    assert Annotation.objects.count() == 5


def test_a_training_folder_is_what_the_trainer_reads(
    alice: User,
    project: Project,
    labels,
    jpeg: Callable[..., io.BytesIO],
    tmp_path: Path,
):
    for number in range(6):
        file = jpeg(64 + number, 48)
        image, _is_new = add_image(
            user=alice, project_id=project.pk, name="same name.jpg", file=file
        )
        AnnotationFactory(
            image=image, label=labels[number % 2], x1=1, y1=2, x2=31.5, y2=22
        )
    Image.objects.update(state="submitted")
    made = make_version(user=alice, project_id=project.pk)

    write_training_folder(version_id=made.id, folder=tmp_path)
    write_training_folder(version_id=made.id, folder=tmp_path)  # harmless twice

    with contextlib.redirect_stdout(io.StringIO()):
        assert len(COCO(str(tmp_path / "annotations.json")).anns) == 6
    read = read_coco(tmp_path, splits=["train"])
    assert read.classes == ("scratch", "dent")
    assert len(read.images) == made.splits["train"]
    for row in read.images:
        path = read.folder / row["file_name"]
        blobs.verify(row["sha256"], path)
        (box,) = read.objects[row["id"]]
        assert box["bbox"] == [1, 2, 30.5, 20]
    content = json.loads((tmp_path / "annotations.json").read_text())
    assert {row["split"] for row in content["images"]} == {"train", "val", "test"}
