"""Paths that are one on some file systems: none is made, old ones live on."""

import io
from typing import Any

import pytest

from apps.accounts.models import User
from apps.core import blobs
from apps.marketplace.errors import BadPathError
from apps.marketplace.models import Model, ModelRevision, RevisionFile
from apps.marketplace.services.commits import Changes, NewFile, commit
from apps.marketplace.services.repositories import create_repository

pytestmark = pytest.mark.django_db
IN_ONE, IN_TWO = "caf\u00e9.txt", "cafe\u0301.txt"


@pytest.fixture
def model(alice: User) -> Model:
    made = create_repository(user=alice, namespace="", name="boards")
    change(made, "Readme.md", "data/train.csv", IN_ONE)
    return made


def change(model: Model, *paths: str, text: bytes = b"x", **given: Any) -> Any:
    blob = blobs.put(io.BytesIO(text))
    files = [
        NewFile(path=path, sha256=blob.sha256, size=1, git_oid="0" * 40, is_lfs=False)
        for path in paths
    ]
    return commit(
        model=model, user=None, changes=Changes(title="More", files=files, **given)
    )


@pytest.mark.parametrize(
    "paths",
    [
        ["README.md"],
        ["DATA/Train.csv"],
        [IN_TWO],
        ["a.txt", "A.txt"],
        ["Data"],
        ["README.MD/x.txt"],
        ["stra\u00dfe", "STRASSE"],
    ],
)
def test_a_twin_is_refused_and_nothing_changes(model: Model, paths: list[str]):
    with pytest.raises(BadPathError, match="are one file on Windows and macOS"):
        change(model, *paths)

    assert ModelRevision.objects.filter(model=model).count() == 2


def test_other_files_beside_and_folders_of_two_spellings_are_taken(model: Model):
    made = change(model, "Data/test.csv", "readme.txt", "readme", "caf\u00e8.txt")

    assert made.num_files == 7


def test_a_file_changes_its_spelling_in_one_commit(model: Model):
    made = change(model, "README.md", IN_TWO, deleted_paths=["Readme.md", IN_ONE])

    paths = set(made.files.values_list("path", flat=True))
    assert paths == {"README.md", IN_TWO, "data/train.csv"}


def test_old_twins_are_changed_and_parted(model: Model):
    newest = change(model, "other.txt", "others/x.txt")
    rows = RevisionFile.objects.filter(revision=newest)
    rows.filter(path="other.txt").update(path="README.md")
    rows.filter(path="others/x.txt").update(path="readme.MD/x.txt")

    beside = change(model, "beside.txt")
    changed = change(model, "README.md", "Readme.md", "readme.MD/y.txt", text=b"y")
    with pytest.raises(BadPathError):
        change(model, "readme.md")
    parted = change(model, deleted_paths=["Readme.md"], deleted_folders=["readme.MD"])

    assert [one.num_files for one in (beside, changed, parted)] == [6, 7, 4]
