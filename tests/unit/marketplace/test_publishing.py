import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.accounts.errors import RoleTooLowError
from apps.accounts.models import AuditEntry, User, Workspace
from apps.core import blobs
from apps.core.errors import NotFoundError
from apps.marketplace import selectors
from apps.marketplace.errors import BadNameError, InvalidModelError
from apps.marketplace.models import Model, ModelRevision, RevisionFile
from apps.marketplace.services.checkouts import checked_out
from apps.marketplace.services.publishing import (
    publish_model,
    register_packaged_models,
)
from apps.marketplace.services.repositories import rename_repository
from apps.marketplace.types import (
    INSTANCES_FORMAT,
    Lineage,
    ModelRevisionInfo,
    repository_name,
)
from tests.factories.marketplace import ModelRevisionFactory

Make = Callable[..., Path]


@pytest.fixture
def publish(alice: User, workspace: Workspace) -> Callable[..., ModelRevisionInfo]:
    def make(folder: Path, **given: Any) -> ModelRevisionInfo:
        wanted = {"user": alice, "workspace_id": workspace.pk, "name": "boards"}
        return publish_model(folder=folder, message="Trained", **{**wanted, **given})

    return make


def test_a_directory_becomes_a_revision_that_can_be_searched(
    publish: Callable[..., ModelRevisionInfo], model_folder: Make
):
    made = publish(model_folder())

    model = Model.objects.get()
    assert made.full_name == model.full_name == "plant-7/boards"
    assert (len(made.revision), made.classes) == (40, ("scratch", "dent"))
    assert (model.licence, model.task, model.library) == (
        "mit",
        "object-detection",
        "deepseek_vision",
    )
    assert (model.num_parameters, model.precisions) == (600, ["fp32"])
    assert model.summary == "Finds six defects on bare boards."
    files = RevisionFile.objects.order_by("path")
    assert [(row.path, row.is_lfs) for row in files] == [
        ("README.md", False),
        ("config.json", False),
        ("model.safetensors", True),
    ]
    assert made.size_bytes == sum(row.size for row in files)


def test_a_run_that_knows_the_old_name_publishes_to_the_renamed_model(
    publish: Callable[..., ModelRevisionInfo], model_folder: Make, alice: User
):
    first = publish(model_folder())
    model = Model.objects.get()
    rename_repository(user=alice, model=model, namespace="plant-7", name="planks")

    again = publish(model_folder("again", fill=2.0))

    assert again.model_id == first.model_id
    assert again.full_name == "plant-7/planks"


def test_the_same_files_again_change_nothing(
    publish: Callable[..., ModelRevisionInfo], model_folder: Make
):
    folder = model_folder()

    first, again = publish(folder), publish(folder)

    assert first == again
    assert ModelRevision.objects.count() == 1


def test_a_job_publishes_one_revision_however_often_it_ends(
    publish: Callable[..., ModelRevisionInfo], model_folder: Make
):
    lineage = Lineage(
        job_id=str(uuid.uuid4()),
        dataset_version_id=7,
        code_version="0.1.0",
        config={"lr": 0.1},
        metrics={"AP50": 0.9},
    )

    first = publish(model_folder("a"), lineage=lineage)
    again = publish(model_folder("b", fill=2), lineage=lineage)
    other = publish(model_folder("c"), lineage=Lineage(job_id=str(uuid.uuid4())))

    assert first == again
    assert first.lineage == lineage
    assert other.id != first.id
    assert ModelRevision.objects.count() == 2


def test_the_next_revision_says_what_it_brought(
    publish: Callable[..., ModelRevisionInfo], model_folder: Make
):
    first = publish(model_folder("a"))
    second = publish(model_folder("b", fill=2))

    row = ModelRevision.objects.get(pk=second.id)
    weights = row.files.get(path="model.safetensors")
    assert row.parent_id == first.id
    assert row.num_bytes_new == weights.size
    assert row.files.get(path="README.md").since_id == first.id
    assert Model.objects.get().head_id == second.id


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("weights.pt", b"x", "weights.pt can run code"),
        ("model.safetensors", b"\x80\x04x", "no sound length"),
        ("config.json", b"{", "config.json is not JSON"),
    ],
)
def test_what_is_no_sound_model_is_refused_whole(
    publish: Callable[..., ModelRevisionInfo],
    model_folder: Make,
    name: str,
    content: bytes,
    said: str,
):
    folder = model_folder()
    (folder / name).write_bytes(content)

    with pytest.raises(InvalidModelError, match=said):
        publish(folder)

    assert not Model.objects.exists()


def test_bytes_behind_the_weights_are_refused(
    publish: Callable[..., ModelRevisionInfo], model_folder: Make
):
    folder = model_folder()
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"hidden")

    with pytest.raises(InvalidModelError, match="6 bytes lie behind the last tensor"):
        publish(folder)


def test_a_link_is_refused(
    publish: Callable[..., ModelRevisionInfo], model_folder: Make
):
    folder = model_folder()
    (folder / "notes.txt").symlink_to("/etc/hostname")

    with pytest.raises(InvalidModelError, match=r"notes\.txt is a link"):
        publish(folder)


def test_a_viewer_does_not_publish_and_a_stranger_learns_nothing(
    publish: Callable[..., ModelRevisionInfo],
    model_folder: Make,
    vera: User,
    charlie: User,
):
    folder = model_folder()

    with pytest.raises(RoleTooLowError):
        publish(folder, user=vera)
    with pytest.raises(NotFoundError):
        publish(folder, user=charlie)

    assert not Model.objects.exists()
    assert not AuditEntry.objects.filter(action="model.published").exists()


@pytest.mark.parametrize("name", ["", "../x", "a--b", "a b", ".x", "x" * 97, "x.git"])
def test_an_odd_name_is_refused(
    publish: Callable[..., ModelRevisionInfo], model_folder: Make, name: str
):
    with pytest.raises(BadNameError):
        publish(model_folder(), name=name)


def test_any_title_gives_a_name():
    assert repository_name("Line 3, scratches!") == "Line-3-scratches"
    assert repository_name("…") == "model"


def test_names_differ_by_more_than_their_case(
    publish: Callable[..., ModelRevisionInfo], model_folder: Make
):
    publish(model_folder("a"))
    publish(model_folder("b", fill=2), name="Boards")

    assert Model.objects.get().name == "boards"


def test_a_checkout_is_the_directory_again(
    publish: Callable[..., ModelRevisionInfo], model_folder: Make
):
    folder = model_folder()
    made = publish(folder)

    out = checked_out(made.id)

    assert {path.name: path.read_bytes() for path in out.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }
    assert checked_out(made.id) == out


def test_a_corrupt_blob_never_becomes_a_checkout(
    publish: Callable[..., ModelRevisionInfo], model_folder: Make
):
    made = publish(model_folder(fill=3))
    sha256 = RevisionFile.objects.get(path="model.safetensors").sha256
    stored = Path(blobs.store().path(blobs.key(sha256)))
    good = stored.read_bytes()
    os.truncate(stored, 100)

    with pytest.raises(blobs.CorruptBlobError):
        checked_out(made.id)

    stored.write_bytes(good)
    assert (checked_out(made.id) / "model.safetensors").read_bytes() == good


def test_packaged_models_are_there_once_for_everybody(alice: User, charlie: User):
    first, again = register_packaged_models(), register_packaged_models()

    assert first == again
    assert {row.full_name for row in first} >= {"dsportal/deepseek_vision_v2"}
    assert {row.name for row in selectors.list_detectors(user=charlie)} >= {
        "deepseek_vision_v2"
    }


def test_what_outlines_is_told_to_who_asks_for_outlines(alice: User):
    ModelRevisionFactory(model__name="cells", format=INSTANCES_FORMAT)
    ModelRevisionFactory(model__name="boxes")

    assert [row.name for row in selectors.list_detectors(user=alice)] == ["boxes"]
    both = selectors.list_detectors(user=alice, with_masks=True)
    assert {row.name: row.has_masks for row in both} == {"boxes": False, "cells": True}


def test_others_read_a_revision_by_row_and_by_name(
    publish: Callable[..., ModelRevisionInfo],
    model_folder: Make,
    bob: User,
    charlie: User,
):
    made = publish(model_folder())
    access = selectors.access_model_revision

    assert access(user=bob, revision_id=made.id) == made
    assert access(user=bob, name="plant-7/boards") == made
    assert access(user=bob, name="Plant-7/Boards", revision=made.revision[:8]) == made
    for given in ({"revision_id": made.id}, {"name": "plant-7/boards"}):
        with pytest.raises(NotFoundError):
            access(user=charlie, **given)
