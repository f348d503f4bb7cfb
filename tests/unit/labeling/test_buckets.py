"""Images from a bucket that speaks S3, and from a folder."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from apps.accounts.models import User, Workspace
from apps.core.errors import NotFoundError
from apps.jobs.models import Job
from apps.labeling.models import Image, Project
from apps.labeling.services import gathering
from apps.labeling.services.gathering import BadSourceError
from apps.labeling.tasks import gather
from dsportal.settings.servers import image_buckets
from tests.factories.labeling import ProjectFactory

Jpeg = Callable[..., io.BytesIO]
COLORS = ("#102030", "#203040", "#304050")


@pytest.fixture
def project(workspace: Workspace, alice: User) -> Project:
    return ProjectFactory(workspace=workspace, created_by=alice)


def carried_out(job: Job) -> Job:
    gather(str(job.pk))
    job.refresh_from_db()
    return job


def reasons(job: Job) -> dict[str, str]:
    assert job.status == "done", job.error
    return {one["name"]: one["reason"] for one in job.result["failed"]}


def names(project: Project) -> list[str]:
    return sorted(Image.objects.filter(project=project).values_list("name", flat=True))


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    emulator = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    emulator.start()
    _host, port = emulator.get_host_and_port()
    yield f"127.0.0.1:{port}"
    emulator.stop()


@pytest.fixture
def bucket(s3_server: str, settings: Any) -> Iterator[Any]:
    made = boto3.resource(
        "s3",
        endpoint_url=f"http://{s3_server}",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="us-east-1",
    ).create_bucket(Bucket="shots")
    address = f"s3://key:secret@{s3_server}/shots?tls=0"
    settings.IMAGE_BUCKETS = image_buckets(f"line3={address}")
    yield made
    made.objects.all().delete()
    made.delete()


def test_a_bucket_gives_the_images_of_a_folder(
    alice: User, project: Project, jpeg: Jpeg, bucket: Any
):
    for name, color in zip(("day/1/a.jpg", "day/b.jpg", "c.jpg"), COLORS, strict=True):
        bucket.put_object(Key=name, Body=jpeg(color=color).getvalue())
    bucket.put_object(Key="day/list.csv", Body=b"1")
    bucket.put_object(Key="day/empty.jpg", Body=b"")

    job = carried_out(
        gathering.gather_bucket(
            user=alice, project_id=project.pk, bucket="line3", folder="day/"
        )
    )

    assert names(project) == ["day/1/a.jpg", "day/b.jpg"]
    assert list(reasons(job)) == ["day/empty.jpg"]
    assert job.result["num_skipped"] == 1


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a//b.jpg", "a/b.jpg"),
        ("/lead.jpg", "lead.jpg"),
        ("a\\./b.jpg", "a/b.jpg"),
        ("50%20 #?.jpg", "50%20 #?.jpg"),
    ],
)
def test_an_odd_name_in_a_bucket_becomes_a_path_within_a_folder(
    alice: User, project: Project, jpeg: Jpeg, bucket: Any, key: str, name: str
):
    bucket.put_object(Key=key, Body=jpeg().getvalue())
    bucket.put_object(Key="z.jpg", Body=jpeg(color=COLORS[1]).getvalue())
    bucket.put_object(Key="../x.jpg", Body=jpeg(color=COLORS[2]).getvalue())

    job = carried_out(
        gathering.gather_bucket(user=alice, project_id=project.pk, bucket="line3")
    )

    assert reasons(job) == {"../x.jpg": "'../x.jpg' leads out of the bucket"}
    assert names(project) == sorted([name, "z.jpg"])


def test_a_bucket_that_is_not_there_fails_with_its_reason(
    alice: User, project: Project, bucket: Any, s3_server: str, settings: Any
):
    settings.IMAGE_BUCKETS = image_buckets(f"a=s3://key:secret@{s3_server}/gone?tls=0")

    job = carried_out(
        gathering.gather_bucket(user=alice, project_id=project.pk, bucket="a")
    )

    assert job.status == "failed"
    assert "cannot be listed" in job.error
    assert "NoSuchBucket" in job.error


def test_a_folder_that_has_nothing_is_named(alice: User, project: Project, bucket: Any):
    job = carried_out(
        gathering.gather_bucket(
            user=alice, project_id=project.pk, bucket="line3", folder="dya"
        )
    )

    assert job.status == "failed"
    assert "there is nothing in dya: see how it is spelled" in job.error


def test_a_folder_of_this_host_gives_its_images(
    alice: User, project: Project, jpeg: Jpeg, tmp_path: Path, settings: Any
):
    settings.IMAGE_BUCKETS = image_buckets(f"share={tmp_path}")
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "round").symlink_to(tmp_path)
    (tmp_path / "day" / "a.jpg").write_bytes(jpeg(color=COLORS[0]).getvalue())
    (tmp_path / os.fsdecode(b"gr\xfcn.jpg")).write_bytes(jpeg().getvalue())
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")

    job = carried_out(
        gathering.gather_bucket(user=alice, project_id=project.pk, bucket="share")
    )

    assert reasons(job) == {}
    assert names(project) == ["day/a.jpg", "gr\ufffdn.jpg"]


def test_a_folder_that_leads_out_of_a_bucket_is_refused(
    alice: User, project: Project, bucket: Any
):
    with pytest.raises(BadSourceError, match="leads out of the bucket"):
        gathering.gather_bucket(
            user=alice, project_id=project.pk, bucket="line3", folder="day/../.."
        )

    assert not Job.objects.exists()


def test_only_buckets_of_the_settings_are_known(alice: User, project: Project):
    with pytest.raises(NotFoundError, match="IMAGE_BUCKETS"):
        gathering.gather_bucket(user=alice, project_id=project.pk, bucket="line3")

    assert not Job.objects.exists()
