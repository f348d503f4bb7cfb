"""Images from a container of Azure Blob Storage, through Azure's own client.

With AZURITE=host:port the same runs against Microsoft's emulator.
"""

import io
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.storage.blob import ContainerClient
from django.core.exceptions import ImproperlyConfigured

from apps.accounts.models import User, Workspace
from apps.jobs.models import Job
from apps.labeling.models import Image, Project
from apps.labeling.services import gathering
from apps.labeling.sources.buckets import BucketError, bucket_named, stored
from apps.labeling.tasks import gather
from dsportal.settings.servers import image_buckets
from tests.factories.labeling import ProjectFactory
from tests.unit.labeling.azure_blobs import ACCOUNT, KEY, PAGE, serving

Jpeg = Callable[..., io.BytesIO]
OTHER_KEY = KEY.replace("Eby8", "8ybE")


@pytest.fixture
def project(workspace: Workspace, alice: User) -> Project:
    return ProjectFactory(workspace=workspace, created_by=alice)


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    if there := os.environ.get("AZURITE"):
        yield there
        return
    with serving({}) as address:
        yield address


def named(settings: Any, service: str, container: str, *, key: str = KEY) -> None:
    address = f"azure://{ACCOUNT}:{key}@{service}/{ACCOUNT}/{container}?tls=0"
    settings.IMAGE_BUCKETS = image_buckets(f"lake={address}")


@pytest.fixture
def container(service: str, settings: Any) -> Iterator[ContainerClient]:
    made = ContainerClient(
        f"http://{service}/{ACCOUNT}",
        f"shots-{uuid.uuid4().hex[:8]}",
        credential={"account_name": ACCOUNT, "account_key": KEY},
    )
    made.create_container()
    named(settings, service, made.container_name)
    yield made
    made.close()


def carried_out(alice: User, project: Project, folder: str = "") -> Job:
    job = gathering.gather_bucket(
        user=alice, project_id=project.pk, bucket="lake", folder=folder
    )
    gather(str(job.pk))
    job.refresh_from_db()
    return job


def test_a_container_gives_the_images_of_a_folder(
    alice: User, project: Project, jpeg: Jpeg, container: ContainerClient
):
    names = ("day/1/a.jpg", "day/b.jpg", "daylight/c.jpg")
    for name, color in zip(names, ("#102030", "#203040", "#304050"), strict=True):
        container.upload_blob(name, jpeg(color=color).getvalue())
    container.upload_blob("day/list.csv", b"1")
    container.upload_blob("day/empty.jpg", b"")
    container.upload_blob("day/broken.jpg", b"no image")

    job = carried_out(alice, project, "day/")

    assert job.status == "done", job.error
    kept = Image.objects.filter(project=project).order_by("name")
    assert [image.name for image in kept] == ["day/1/a.jpg", "day/b.jpg"]
    refused = [one["name"] for one in job.result["failed"]]
    assert sorted(refused) == ["day/broken.jpg", "day/empty.jpg"]
    assert job.result["num_skipped"] == 1


@pytest.mark.parametrize(
    "name",
    ["gr\u00fcn/\u56fe \u7247.jpg", "50%20 #1?.jpg", "a&b<c>'\".jpg", "a//b.jpg"],
)  # fmt: skip
def test_whatever_a_name_is_it_can_be_read(
    jpeg: Jpeg, container: ContainerClient, name: str
):
    picture = jpeg().getvalue()
    container.upload_blob(name, picture)

    (offer,) = stored(bucket_named("lake"), folder="").rows

    assert offer is not None
    assert offer.name == name.replace("//", "/")
    with offer.open() as file:
        file.seek(0)
        assert file.read() == picture


def test_a_large_image_comes_in_stretches(container: ContainerClient):
    content = os.urandom(2**20) * 40
    container.upload_blob("large.tif", content)

    (offer,) = stored(bucket_named("lake"), folder="").rows

    assert offer is not None
    with offer.open() as file:
        file.seek(0)
        assert file.read() == content


def test_what_is_too_large_is_refused_before_it_is_fetched(
    alice: User, project: Project, container: ContainerClient, settings: Any
):
    settings.MAX_UPLOAD_BYTES = 2**20
    container.upload_blob("large.tif", bytes(2**20 + 1))

    job = carried_out(alice, project)

    (told,) = job.result["failed"]
    assert told == {"name": "large.tif", "reason": "it is more than the 1 MiB allowed"}


def test_more_names_than_a_page_has_are_all_listed(settings: Any):
    blobs = {f"{number:05}.jpg": b"1" for number in range(2 * PAGE + 3)}
    with serving({"shots": blobs}) as service:
        named(settings, service, "shots")

        offers = stored(bucket_named("lake"), folder="")

    assert [offer.name for offer in offers.rows if offer] == list(blobs)


def test_a_wrong_key_fails_with_its_reason(
    alice: User,
    project: Project,
    container: ContainerClient,
    service: str,
    settings: Any,
):
    named(settings, service, container.container_name, key=OTHER_KEY)

    job = carried_out(alice, project)

    assert job.status == "failed"
    assert "cannot be listed: Server failed to authenticate" in job.error
    assert "\n" not in job.error
    assert OTHER_KEY not in job.error


def test_a_container_that_is_not_there_is_named(
    alice: User, project: Project, service: str, settings: Any
):
    named(settings, service, "nowhere")

    job = carried_out(alice, project)

    assert job.status == "failed"
    assert "The specified container does not exist." in job.error


def test_a_folder_with_nothing_in_it_is_named(
    alice: User, project: Project, container: ContainerClient
):
    job = carried_out(alice, project, "dya")

    assert job.status == "failed"
    assert "there is nothing in dya: see how it is spelled" in job.error


def test_a_service_that_is_away_fails_with_its_reason(
    settings: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("time.sleep", lambda _s: None)  # between its attempts
    with serving({}) as gone:
        named(settings, gone, "shots")

    with pytest.raises(BucketError, match=r"cannot be listed: .*Connection refused"):
        stored(bucket_named("lake"), folder="")


@pytest.mark.parametrize(
    ("address", "options"),
    [
        (
            f"azure://acct:{KEY}@acct.blob.core.windows.net/shots",
            {"account_name": "acct", "account_key": KEY, "sas_token": None},
        ),
        (
            "azure://acct.blob.core.windows.net/shots?sv=2021-12-02&sig=a%2Fb%3D",
            {"account_key": None, "sas_token": "sv=2021-12-02&sig=a%2Fb%3D"},
        ),
        (
            "azure://acct.blob.core.windows.net/shots",
            {"account_name": None, "account_key": None, "sas_token": None},
        ),
    ],
    ids=["key as Azure shows it", "shared access signature", "public container"],
)
def test_an_address_says_who_asks(address: str, options: dict[str, str | None]):
    found = image_buckets(f"lake={address}")["lake"]["OPTIONS"]

    assert found["account_url"] == "https://acct.blob.core.windows.net"
    assert found["azure_container"] == "shots"
    assert {name: found[name] for name in options} == options


@pytest.mark.parametrize(
    "address",
    [
        "azure://acct:not-base64!@acct.blob.core.windows.net/shots",
        "azure://acct@acct.blob.core.windows.net/shots",
        f"azure://acct:{KEY}@acct.blob.core.windows.net",
        "azure:///shots",
    ],
)
def test_an_address_that_is_none_says_how_one_looks(address: str):
    with pytest.raises(ImproperlyConfigured, match="lake must look like azure://") as e:
        image_buckets(f"lake={address}")

    assert KEY not in str(e.value)


def test_other_schemes_are_none():
    with pytest.raises(ImproperlyConfigured, match="lake must be a folder, s3"):
        image_buckets("lake=gs://shots")
