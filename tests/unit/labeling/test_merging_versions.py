"""One dataset version merged into another: whose an image is, and what stays."""

from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from apps.accounts.errors import RoleTooLowError
from apps.accounts.models import AuditEntry, User, Workspace
from apps.core.errors import NotFoundError
from apps.labeling.errors import BadMergeError
from apps.labeling.formats.frozen import FIXED
from apps.labeling.models import (
    Annotation,
    DatasetVersion,
    FrozenImage,
    Image,
    Label,
    Project,
    VersionImage,
)
from apps.labeling.selectors.differences import diff_versions
from apps.labeling.selectors.merges import access_pair, common_ancestor, preview_merge
from apps.labeling.services.images import delete_image
from apps.labeling.services.merging_versions import merge_versions
from apps.labeling.services.projects import create_project, delete_label
from apps.labeling.services.restoring_versions import restore_version
from apps.labeling.services.versions import make_version
from apps.labeling.types import MergeRule, Shares
from tests.factories.labeling import AnnotationFactory, ImageFactory


@pytest.fixture
def project(alice: User, workspace: Workspace) -> Project:
    return create_project(
        user=alice, workspace_id=workspace.pk, name="Line 3", labels=["scratch", "dent"]
    )


@pytest.fixture
def scratch(project: Project) -> Label:
    return project.labels.get(name="scratch")


def frozen(project: Project, **more: Any) -> DatasetVersion:
    """The project as it is; None of its images needs to be submitted."""
    made = make_version(
        user=project.created_by,
        project_id=project.pk,
        **{"only_submitted": False, "shares": Shares(train=100, val=0), **more},
    )
    return DatasetVersion.objects.get(pk=made.id)


def back_to(version: DatasetVersion) -> None:
    restore_version(user=version.created_by, version_id=version.pk)


def merged(
    ours: DatasetVersion, theirs: DatasetVersion, rule: MergeRule = MergeRule.UNION
) -> DatasetVersion:
    done = merge_versions(
        user=ours.created_by, version_id=ours.pk, other_id=theirs.pk, rule=rule
    )
    return DatasetVersion.objects.get(pk=done.version.id)


def preview(ours: DatasetVersion, theirs: DatasetVersion):
    pair = access_pair(user=ours.created_by, version_id=ours.pk, other_id=theirs.pk)
    return preview_merge(pair)


def uids(version: DatasetVersion, image: Image) -> set[UUID]:
    row = FrozenImage.objects.get(rows__version=version, sha256=image.sha256)
    fixed = bytes(row.shapes)
    return {UUID(bytes=fixed[at : at + 16]) for at in range(0, len(fixed), FIXED.size)}


def placed(version: DatasetVersion) -> dict[str, str]:
    return dict(version.rows.values_list("image__name", "split"))


def some(num_images: dict[str, int]) -> dict[str, int]:
    return {kind: num for kind, num in num_images.items() if num}


@pytest.fixture
def parted(
    alice: User, project: Project, scratch: Label
) -> tuple[DatasetVersion, DatasetVersion, dict[str, Image]]:
    """Two versions that went apart from version 1, and the images by what became."""
    names = ["same", "here", "there", "both"]
    images = {name: ImageFactory(project=project, name=name) for name in names}
    for image in images.values():
        AnnotationFactory(image=image, label=scratch)
    first = frozen(project)
    AnnotationFactory(image=images["there"], label=scratch, x2=200)
    AnnotationFactory(image=images["both"], label=scratch, x2=200)
    theirs = frozen(project)
    back_to(first)
    AnnotationFactory(image=images["here"], label=scratch, x2=300)
    AnnotationFactory(image=images["both"], label=scratch, x2=300)
    return frozen(project), theirs, images


def test_each_image_is_taken_from_the_version_that_changed_it(
    alice: User, project: Project, parted
):
    ours, theirs, images = parted
    live = set(Annotation.objects.values_list("uid", flat=True))

    told = preview(ours, theirs)
    made = merged(ours, theirs)

    assert some(told.num_images) == {
        "equal": 1, "changed_here": 1, "changed_there": 1, "conflict": 1,
    }  # fmt: skip
    assert [one.name for one in told.conflicts] == ["both"]
    assert (told.conflicts[0].tally.added, told.conflicts[0].tally.removed) == (1, 1)
    assert not told.is_needless
    assert (made.num_images, made.num_annotations) == (4, 8)
    for name, num in {"same": 1, "here": 2, "there": 2, "both": 3}.items():
        assert len(uids(made, images[name])) == num
    both = images["both"]
    assert uids(made, both) == uids(ours, both) | uids(theirs, both)
    assert set(Annotation.objects.values_list("uid", flat=True)) == live


@pytest.mark.parametrize(
    ("rule", "winner"),
    [(MergeRule.OURS, 0), (MergeRule.THEIRS, 1), (MergeRule.NEWEST, 0)],
)
def test_a_rule_settles_what_both_changed(parted, rule: MergeRule, winner: int):
    *versions, images = parted

    made = merged(*versions, rule=rule)

    assert uids(made, images["both"]) == uids(versions[winner], images["both"])
    assert len(uids(made, images["there"])) == 2
    assert (made.merge_rule, made.num_conflicts) == (rule, 1)


def test_a_merge_says_what_it_came_of(alice: User, parted):
    ours, theirs, _images = parted

    made = merged(ours, theirs)
    again = merge_versions(user=alice, version_id=ours.pk, other_id=theirs.pk)

    assert (made.parent, made.merged, made.number) == (ours, theirs, 4)
    assert made.ancestor is not None
    assert made.ancestor.number == 1
    assert (again.version.id, again.is_new) == (made.pk, False)
    assert DatasetVersion.objects.count() == 4
    entry = AuditEntry.objects.get(action="dataset_version.merged")
    assert entry.detail["into"] == 3
    assert entry.detail["merged"] == 2


def test_a_merge_can_be_restored_and_merged_on(project: Project, scratch, parted):
    ours, theirs, images = parted
    made = merged(ours, theirs)

    back_to(made)
    restored = frozen(project)
    AnnotationFactory(image=images["same"], label=scratch, x2=400)
    later = frozen(project)

    assert restored == made
    assert later.parent == made
    assert common_ancestor(later, theirs) == theirs
    assert merged(later, theirs) == later


def test_a_restore_after_a_merge_keeps_what_there_was_once(
    project: Project, scratch: Label
):
    one, other, *_more = ImageFactory.create_batch(6, project=project)
    first = frozen(project)
    AnnotationFactory(image=one, label=scratch)
    theirs = frozen(project, shares=Shares(train=50, val=50))
    back_to(first)
    AnnotationFactory(image=other, label=scratch)
    ours = frozen(project)
    merged(
        DatasetVersion.objects.get(pk=theirs.id), ours
    )  # the newest, split in halves

    before = restore_version(user=project.created_by, version_id=theirs.pk).before

    assert before is not None
    assert before.id == ours.pk
    assert project.versions.count() == 4


def test_an_older_version_brings_nothing_and_a_newer_one_is_taken_whole(
    project: Project, scratch: Label
):
    image = ImageFactory(project=project)
    AnnotationFactory(image=image, label=scratch)
    first = frozen(project)
    image.annotations.all().delete()
    Image.objects.filter(pk=image.pk).update(split="test")
    ImageFactory(project=project)
    Label.objects.filter(name="dent").delete()
    second = frozen(project)

    assert preview(second, first).is_needless
    assert not preview(first, second).is_needless
    assert merged(second, first) == second
    assert merged(first, second) == second
    assert DatasetVersion.objects.count() == 2


def test_equal_versions_merge_to_themselves(project: Project, scratch: Label):
    image = ImageFactory(project=project)
    AnnotationFactory(image=image, label=scratch)
    first = frozen(project)
    AnnotationFactory(image=image, label=scratch)
    frozen(project)
    back_to(first)
    third = frozen(project)

    assert third.content_hash == first.content_hash
    for rule in MergeRule:
        assert merged(third, first, rule) == third


def test_without_an_ancestor_both_are_held(project: Project, scratch: Label):
    here, both = ImageFactory.create_batch(2, project=project)
    AnnotationFactory(image=both, label=scratch)
    first = frozen(project)
    Project.objects.update(stands_on=None)  # made before parents were noted
    delete_image(user=project.created_by, image_id=here.pk)
    both.annotations.all().delete()
    AnnotationFactory(image=both, label=scratch, x1=200, x2=300)
    ImageFactory(project=project)
    second = frozen(project)

    told = preview(first, second)
    made = merged(first, second)

    assert told.pair.ancestor is None
    assert some(told.num_images) == {"only_here": 1, "only_there": 1, "conflict": 1}
    assert made.num_images == 3
    assert uids(made, both) == uids(first, both) | uids(second, both)
    assert made.ancestor is None


def test_a_deleted_image_is_gone_unless_the_other_version_changed_it(
    alice: User, project: Project, scratch: Label
):
    kept, gone, changed = ImageFactory.create_batch(3, project=project)
    first = frozen(project)
    for image in (gone, changed):
        delete_image(user=alice, image_id=image.pk)
    theirs = frozen(project)
    back_to(first)
    back = Image.objects.get(sha256=changed.sha256)
    AnnotationFactory(image=back, label=scratch)
    ours = frozen(project)

    told = preview(ours, theirs)

    assert some(told.num_images) == {"equal": 1, "removed_there": 1, "conflict": 1}
    for rule, names in {
        MergeRule.UNION: {kept.name, changed.name},
        MergeRule.THEIRS: {kept.name},
        MergeRule.OURS: {kept.name, changed.name},
    }.items():
        assert placed(merged(ours, theirs, rule)).keys() == names


def test_what_a_version_left_out_as_unfinished_is_not_gone(project: Project, scratch):
    done = ImageFactory(project=project, state="submitted")
    ImageFactory(project=project)
    first = frozen(project)
    AnnotationFactory(image=done, label=scratch)
    finished = frozen(project, only_submitted=True)

    told = preview(finished, first)
    made = merged(finished, first)

    assert some(told.num_images) == {"changed_here": 1, "only_there": 1}
    assert (made.num_images, made.num_annotations) == (2, 1)
    assert made.only_submitted


def test_an_image_keeps_its_split(project: Project):
    names = ["same", "here", "there", "both"]
    images = {name: ImageFactory(project=project, name=name) for name in names}
    Image.objects.update(split="train")

    def move(split: str, *names: str) -> None:
        Image.objects.filter(name__in=names).update(split=split)

    first = frozen(project)
    move("val", "there", "both")
    theirs = frozen(project)
    back_to(first)
    move("train", "there")
    move("test", "here", "both")
    ours = frozen(project)

    told = preview(ours, theirs)
    made = merged(ours, theirs)

    assert len(images) == 4
    assert (told.num_moved, told.num_resplit) == (3, 1)
    assert placed(made) == {
        "same": "train", "here": "test", "there": "val", "both": "test",
    }  # fmt: skip
    assert made.splits == {"train": 1, "val": 1, "test": 2}


def test_labels_of_both_are_held_and_a_label_in_use_stays(
    alice: User, project: Project, scratch: Label
):
    image, other = ImageFactory.create_batch(2, project=project)
    dent = project.labels.get(name="dent")
    first = frozen(project)
    delete_label(user=alice, project_id=project.pk, label_id=dent.pk)
    Label.objects.create(project=project, name="Dent", color="#112233", position=7)
    AnnotationFactory(image=other, label=scratch)
    theirs = frozen(project)
    back_to(first)
    dent = project.labels.get(pk=dent.pk)
    AnnotationFactory(image=image, label=dent)
    ours = frozen(project)

    made = merged(ours, theirs)

    names = [row["name"] for row in made.taxonomy]
    assert dent.pk in [row["id"] for row in made.taxonomy]
    assert len({name.lower() for name in names}) == len(names) == 3
    assert diff_versions(old=ours, new=made).num_images == {
        "added": 0, "removed": 0, "changed": 1,
    }  # fmt: skip


def test_what_cannot_be_merged_is_refused_with_a_next_step(
    alice: User, vera: User, charlie: User, workspace: Workspace, project: Project
):
    ImageFactory(project=project)
    one = frozen(project)
    other_project = create_project(
        user=alice, workspace_id=workspace.pk, name="Line 4", labels=[]
    )
    ImageFactory(project=other_project)
    foreign = frozen(other_project)
    ImageFactory(project=project)
    two = frozen(project)

    def merge(user: User, version: DatasetVersion, other_id: int) -> None:
        merge_versions(user=user, version_id=version.pk, other_id=other_id)

    with pytest.raises(BadMergeError, match="version 1 cannot be merged with itself"):
        merge(alice, one, one.pk)
    with pytest.raises(BadMergeError, match=r"of Line 3, .* of Line 4; choose two of"):
        merge(alice, one, foreign.pk)
    with pytest.raises(NotFoundError, match="choose two that the project's versions"):
        merge(alice, one, 10**6)
    with pytest.raises(NotFoundError):
        merge(charlie, one, two.pk)
    with pytest.raises(RoleTooLowError):
        merge(vera, one, two.pk)
    assert DatasetVersion.objects.count() == 3


def test_two_merges_in_one_transaction_do_not_meet(parted):
    ours, theirs, images = parted

    with transaction.atomic():
        made = merged(ours, theirs)
        other = merged(theirs, ours)

    assert uids(made, images["both"]) == uids(other, images["both"])


def test_rows_of_a_merge_are_counted(parted):
    ours, theirs, _images = parted

    made = merged(ours, theirs)

    assert VersionImage.objects.filter(version=made).count() == made.num_images
    assert sum(made.splits.values()) == made.num_images


def test_a_project_goes_with_its_merged_versions(project: Project, parted):
    ours, theirs, _images = parted
    merged(ours, theirs)
    project.refresh_from_db()

    Annotation.objects.all().delete()
    project.delete()

    assert not DatasetVersion.objects.exists()
