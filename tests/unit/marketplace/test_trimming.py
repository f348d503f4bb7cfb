"""A host's checkouts: bounded, and never taken from under who reads them."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.db import connection
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.core import blobs
from apps.core.upkeep import upkeep
from apps.jobs.models import Job
from apps.jobs.types import JobStatus
from apps.marketplace.models import ModelRevision, RevisionFile
from apps.marketplace.services import trimming
from apps.marketplace.services.checkouts import checked_out, keep_checkout
from apps.marketplace.services.publishing import publish_model
from apps.marketplace.services.trimming import trim_checkouts
from apps.marketplace.types import READS
from dsportal.settings.servers import blob_storage
from tests.factories.jobs import JobFactory

HOURS = 3600.0
Make = Callable[..., tuple[int, Path]]


@pytest.fixture
def make(
    tmp_path: Path,
    settings: Any,
    alice: User,
    workspace: Workspace,
    model_folder: Callable[..., Path],
) -> Make:
    """A published model with its checkout, used some hours ago, of files of its own."""
    store = blob_storage("", default=tmp_path / "blobs")
    settings.STORAGES = {**settings.STORAGES, "blobs": store}
    settings.CHECKOUTS_DIR = tmp_path / "models"

    def made(name: str, *, hours: float, is_linked: bool = False) -> tuple[int, Path]:
        info = publish_model(
            user=alice,
            workspace_id=workspace.pk,
            name=name,
            folder=model_folder(name, fill=float(len(name))),
            message="Trained",
        )
        folder = checked_out(info.id)
        for path in [] if is_linked else folder.iterdir():
            path.write_bytes(_apart(path))
        used(folder, hours=hours)
        return info.id, folder

    return made


def _apart(path: Path) -> bytes:
    """As where the blobs are on another disk: the file is no link any more."""
    data = path.read_bytes()
    path.unlink()
    return data


def used(folder: Path, *, hours: float) -> None:
    at = time.time() - hours * HOURS
    os.utime(folder, (at, at))


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def left(*folders: Path) -> list[bool]:
    return [folder.is_dir() for folder in folders]


@pytest.mark.django_db
def test_the_longest_unused_go_until_it_is_enough(make: Make, settings: Any):
    _id, older = make("older", hours=3)
    id_, oldest = make("oldest", hours=9)
    _id, newest = make("newest", hours=2)
    settings.CHECKOUTS_BYTES = size(older) + size(newest)

    num = trim_checkouts()

    assert num == 1
    assert left(oldest, older, newest) == [False, True, True]
    assert (checked_out(id_) / "model.safetensors").is_file()
    assert not list(oldest.parent.glob(".old-*"))


@pytest.mark.django_db
def test_each_worker_does_so_now_and_then(make: Make, settings: Any):
    _id, folder = make("boards", hours=3)
    settings.CHECKOUTS_BYTES = 0

    upkeep.send(sender=None)

    assert left(folder) == [False]


@pytest.mark.django_db
def test_links_into_the_blob_store_take_no_room(make: Make, settings: Any):
    _id, folder = make("boards", hours=9, is_linked=True)
    settings.CHECKOUTS_BYTES = 0

    linked = trim_checkouts()
    for sha256 in RevisionFile.objects.values_list("sha256", flat=True):
        blobs.store().delete(blobs.key(sha256))
    alone = trim_checkouts()

    assert (linked, alone) == (0, 1)
    assert left(folder) == [False]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "status", [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PREEMPTED]
)
def test_what_a_job_reads_stays_until_it_is_over(
    make: Make, settings: Any, status: JobStatus
):
    id_, folder = make("boards", hours=900)
    lease = timezone.now() if status == JobStatus.RUNNING else None
    JobFactory(status=status, lease_until=lease, params={READS: [id_]})
    settings.CHECKOUTS_BYTES = 0

    during = trim_checkouts()
    Job.objects.update(status=JobStatus.CANCELLED, lease_until=None)
    after = trim_checkouts()

    assert (during, after) == (0, 1)
    assert left(folder) == [False]


@pytest.mark.django_db
def test_what_was_asked_for_lately_stays(make: Make, settings: Any):
    _id, folder = make("boards", hours=0.9)
    id_, asked = make("planks", hours=9)
    _id, kept = make("served", hours=9)
    settings.CHECKOUTS_BYTES = 0
    checked_out(id_)

    assert keep_checkout(kept)
    assert trim_checkouts() == 0

    assert left(folder, asked, kept) == [True, True, True]
    used(folder, hours=9)
    before = folder.stat().st_mtime - HOURS  # somebody asked after it was looked at
    assert not trimming._clear(folder, used_at=before)  # noqa: SLF001 -- the moment
    assert left(folder) == [True]


@pytest.mark.django_db
def test_what_another_host_purged_and_what_the_dead_left_goes(
    make: Make, settings: Any
):
    id_, folder = make("boards", hours=2)
    ModelRevision.objects.filter(pk=id_).delete()
    new, going, fresh = (
        folder.with_name(name) for name in (".new-1", ".old-1", ".new-2")
    )
    for path in (new, going, fresh):
        path.mkdir()
    used(new, hours=25)
    used(going, hours=25)

    assert trim_checkouts() == 1

    assert left(folder, new, going, fresh) == [False, False, False, True]


def test_there_is_nothing_to_clear_on_a_new_host(settings: Any, tmp_path: Path):
    settings.CHECKOUTS_DIR = tmp_path / "none"

    assert trim_checkouts() == 0


@pytest.mark.django_db(transaction=True)
def test_a_folder_that_is_handed_out_is_there_and_whole(
    make: Make, settings: Any, monkeypatch: pytest.MonkeyPatch
):
    id_, folder = make("boards", hours=9)
    settings.CHECKOUTS_BYTES = 0
    names = {path.name for path in folder.iterdir()}
    is_over = threading.Event()

    def clear() -> None:
        while not is_over.is_set():
            trim_checkouts()
        connection.close()

    clearing = [threading.Thread(target=clear) for _ in range(2)]
    for thread in clearing:
        thread.start()
    try:
        for _ in range(50):
            handed = checked_out(id_)
            assert {path.name for path in handed.iterdir()} == names
            used(handed, hours=9)
    finally:
        is_over.set()
        for thread in clearing:
            thread.join()


def test_every_room_whose_jobs_read_a_checkout_says_so():
    rooms = {
        room
        for room in (Path(site.BASE_DIR) / "apps").rglob("*")
        if "checked_out(" in _source(room, "engines")
    }

    silent = [room.name for room in rooms if "READS:" not in _source(room, "services")]

    assert {room.name for room in rooms} >= {"training", "labeling", "trials"}
    assert silent == ["catalogue"]  # its jobs read what they made


def _source(room: Path, part: str) -> str:
    """What stands in ``part.py`` and the folder ``part`` of a room."""
    files = [*room.glob(f"{part}.py"), *room.glob(f"{part}/*.py")]
    return "".join(file.read_text() for file in files)
