"""Blobs end when nothing names them any more, a day later, and not before."""

import io
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.core import blobs
from apps.core.collecting import ONE_AT_A_TIME, collect_blobs, is_due
from apps.core.models import Collection, CondemnedBlob
from apps.core.tasks import collect_blobs as collect_task
from apps.labeling.models import Image
from apps.labeling.services.images import add_image, delete_image
from apps.labeling.services.versions import make_version
from apps.marketplace.models import Namespace, Upload, Xorb
from dsportal.settings.servers import blob_storage
from tests.factories.jobs import JobFactory
from tests.factories.labeling import ProjectFactory
from tests.factories.marketplace import ModelFactory, NamespaceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings: Any) -> None:
    store = blob_storage("", default=tmp_path / "blobs")
    settings.STORAGES = {**settings.STORAGES, "blobs": store}


def put(content: bytes) -> str:
    return blobs.put(io.BytesIO(content)).sha256


def is_there(sha256: str) -> bool:
    return blobs.store().exists(blobs.key(sha256))


def a_day_later() -> None:
    CondemnedBlob.objects.update(created_at=timezone.now() - timedelta(hours=25))
    collect_blobs()


def test_what_nobody_names_goes_after_a_day():
    orphan = put(b"a checkpoint of a run that was deleted")

    looked = collect_blobs()
    stays = is_there(orphan)
    again = collect_blobs()
    a_day_later()

    assert stays
    assert [(each.num_condemned, each.num_freed) for each in (looked, again)] == [
        (1, 0), (1, 0),
    ]  # fmt: skip
    assert not is_there(orphan)
    last = Collection.objects.latest("pk")
    assert (last.num_freed, last.num_bytes_freed, last.num_blobs) == (1, 38, 0)


def test_half_a_file_that_the_dead_left_goes_and_one_that_is_written_stays():
    stored = Path(blobs.store().path(blobs.key(put(b"whole"))))
    old, new = (stored.with_name(f".new-{name}") for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    yesterday = (timezone.now() - timedelta(hours=25)).timestamp()
    os.utime(old, (yesterday, yesterday))

    collect_blobs()

    assert [path.exists() for path in (stored, old, new)] == [True, False, True]


def test_a_name_anywhere_in_a_row_keeps_it():
    exported = put(b"an export")
    JobFactory(result={"files": [{"blob": exported}]})

    collect_blobs()
    a_day_later()

    assert is_there(exported)


def test_an_image_that_a_version_froze_keeps_its_bytes(
    alice: User, workspace: Workspace, jpeg: Callable[..., io.BytesIO]
):
    project = ProjectFactory(workspace=workspace)

    def add(color: str) -> Image:
        into = {"user": alice, "project_id": project.pk}
        return add_image(name="a.jpg", file=jpeg(color=color), **into)[0]

    frozen = add("#111111")
    make_version(user=alice, project_id=project.pk, only_submitted=False)
    later = add("#eeeeee")
    for image in (frozen, later):
        delete_image(user=alice, image_id=image.pk)

    collect_blobs()
    a_day_later()

    assert is_there(frozen.sha256)
    assert is_there(frozen.thumbnail_sha256)
    assert not is_there(later.sha256)


def test_storing_the_same_bytes_again_reprieves_them():
    sha256 = put(b"weights")
    collect_blobs()
    CondemnedBlob.objects.update(created_at=timezone.now() - timedelta(hours=25))

    put(b"weights")
    collect_blobs()

    assert is_there(sha256)


def test_a_name_that_came_back_reprieves():
    sha256 = put(b"picture")
    collect_blobs()
    JobFactory(result={"sha256": sha256})
    a_day_later()

    assert is_there(sha256)
    assert not CondemnedBlob.objects.exists()


def test_uploads_that_no_commit_took_in_are_forgotten():
    model = ModelFactory(namespace=NamespaceFactory(name="plant"))
    old, new = put(b"sent last year"), put(b"sent today")
    for sha256 in (old, new):
        sent = {"sha256": sha256, "size": 9, "num_bytes_new": 9}
        Upload.objects.create(model=model, **sent)
    chunks = put(b"chunks")
    xorb = {"name": "0" * 63 + "1", "sha256": chunks, "size": 6}
    Xorb.objects.create(namespace=model.namespace, **xorb)
    year_ago = timezone.now() - timedelta(days=365)
    for rows in (Upload.objects.filter(sha256=old), Xorb.objects.all()):
        rows.update(created_at=year_ago)

    collect_blobs()
    a_day_later()

    assert [is_there(each) for each in (old, new, chunks)] == [False, True, False]
    namespace = Namespace.objects.get(pk=model.namespace_id)
    assert namespace.epoch == model.namespace.epoch + 1


def test_only_one_collects_at_a_time():
    settings = connection.get_connection_params()
    address = {
        key: settings[key]
        for key in ("dbname", "user", "host", "port")
        if key in settings
    }
    with psycopg.connect(**address, password=settings.get("password")) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [ONE_AT_A_TIME])

        assert collect_blobs() is None
        # Closing does not wait for the server to let go.
        other.execute("SELECT pg_advisory_unlock(%s)", [ONE_AT_A_TIME])


def test_it_is_due_once_a_day():
    assert is_due()

    collect_task()
    collect_task()

    assert not is_due()
    assert Collection.objects.count() == 1
