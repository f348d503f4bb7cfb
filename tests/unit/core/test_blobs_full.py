"""The folder form of the blob store: whole or not at all, also when there is no room."""

import errno
import io
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import User, Workspace
from apps.core import blobs
from apps.core.errors import StorageFullError
from apps.labeling.models import Image
from dsportal.settings.servers import blob_storage
from tests.factories.labeling import ProjectFactory

KIBIBYTES = 64


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.STORAGES = {
        **settings.STORAGES,
        "blobs": blob_storage("", default=tmp_path / "blobs"),
    }
    (tmp_path / "blobs").mkdir()
    return tmp_path / "blobs"


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={KIBIBYTES}k", "tmpfs", str(folder)]
    made = subprocess.run(mount, capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no small disk here: {made.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S607 -- as PATH has it


def test_a_full_disk_is_told_and_keeps_nothing(small_disk: Path):
    kept = blobs.put(io.BytesIO(b"small"))

    with pytest.raises(StorageFullError, match="free some space"):
        blobs.put(io.BytesIO(os.urandom(KIBIBYTES * 1024)))

    assert files(small_disk) == [kept.sha256]


def test_an_upload_to_a_full_disk_answers_507(
    small_disk: Path,
    alice: User,
    workspace: Workspace,
    api_as: Callable[[User], APIClient],
    jpeg: Callable[..., io.BytesIO],
):
    (small_disk / "filler").write_bytes(bytes((KIBIBYTES - 4) * 1024))
    project = ProjectFactory(workspace=workspace, created_by=alice)

    answer = api_as(alice).post(
        reverse("labeling-api:image-list", args=[project.pk]), {"file": jpeg(900, 900)}
    )

    assert answer.status_code == 507
    assert answer.json()["code"] == "storage_full"
    assert files(small_disk) == ["filler"]
    assert not Image.objects.exists()


def test_another_failure_of_the_disk_is_not_called_full(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(_handle: int) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(OSError, match="the disk is broken"):
        blobs.put(io.BytesIO(b"content"))

    assert files(folder) == []


@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_at_the_same_moment_are_one_file(folder: Path):
    start = threading.Barrier(6)

    def put(_number: int) -> blobs.Blob:
        start.wait()
        try:
            return blobs.put(io.BytesIO(b"same" * 10_000))
        finally:  # whoever comes later asks whether they are condemned
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        made = set(pool.map(put, range(6)))

    assert len(made) == 1
    assert files(folder) == [made.pop().sha256]


def test_a_blob_that_came_meanwhile_is_replaced_not_doubled(folder: Path):
    names = [blobs.store().save("ab", ContentFile(b"same")) for _ in range(2)]

    assert names == ["ab", "ab"]
    assert files(folder) == ["ab"]


def test_a_name_that_is_no_digest_is_refused(folder: Path):
    for name in ("../../etc/passwd", "A" * 64, "0" * 63):
        with pytest.raises(ValueError, match="64 hexadecimal digits"):
            blobs.open_blob(name)
