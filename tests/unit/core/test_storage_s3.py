"""The blob store over S3, against an emulator in this process."""

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from apps.core import blobs
from apps.core.errors import NotFoundError
from apps.core.files import blob_response
from apps.core.storage import listed
from dsportal.settings.servers import blob_storage


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    emulator = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    emulator.start()
    _host, port = emulator.get_host_and_port()
    yield f"127.0.0.1:{port}"
    emulator.stop()


@pytest.fixture
def bucket(server: str, settings: Any) -> Iterator[Any]:
    s3 = boto3.resource(
        "s3",
        endpoint_url=f"http://{server}",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        region_name="us-east-1",
    )
    made = s3.create_bucket(Bucket="blobs")
    url = f"s3://key:secret@{server}/blobs?tls=0"
    unused: Any = None
    settings.STORAGES = {
        **settings.STORAGES,
        "blobs": blob_storage(url, default=unused),
    }
    yield made
    made.objects.all().delete()
    made.delete()


def put(content: bytes) -> blobs.Blob:
    return blobs.put(io.BytesIO(content))


def keys(bucket: Any) -> list[str]:
    return [row.key for row in bucket.objects.all()]


def test_a_stretch_is_read_without_the_rest(bucket: Any):
    blob = put(bytes(range(256)) * 40)

    assert blobs.read_stretch(blob.sha256, 300, 5) == bytes([44, 45, 46, 47, 48])


def test_what_is_put_can_be_read(bucket: Any):
    blob = put(b"pixels" * 1000)

    with blobs.open_blob(blob.sha256) as file:
        content = file.read()

    assert content == b"pixels" * 1000
    assert blob.size == 6000
    assert keys(bucket) == [f"{blob.sha256[:2]}/{blob.sha256[2:4]}/{blob.sha256}"]


@pytest.mark.django_db
def test_the_same_bytes_are_stored_once(bucket: Any):
    first = put(b"same")
    stored_at = next(iter(bucket.objects.all())).last_modified

    again = put(b"same")

    assert again == first
    assert [row.last_modified for row in bucket.objects.all()] == [stored_at]


def test_a_blob_that_is_not_there_is_not_found(bucket: Any):
    with pytest.raises(NotFoundError):
        blobs.open_blob("0" * 64)


def test_a_browser_is_sent_to_the_store_itself(bucket: Any, rf: Any):
    blob = put(b"pixels")

    answer = blob_response(rf.get("/"), blob, media_type="image/png", name="a.png")
    fetched = httpx.get(answer["Location"])
    part = httpx.get(answer["Location"], headers={"Range": "bytes=2-3"})

    assert answer.status_code == 302
    assert "Signature" in answer["Location"]
    assert fetched.content == b"pixels"
    assert fetched.headers["Content-Type"] == "image/png"
    assert (part.status_code, part.content) == (206, b"xe")


def test_what_is_not_shown_is_a_download_whatever_its_name(bucket: Any, rf: Any):
    blob = put(b"<html>")

    answer = blob_response(
        rf.get("/"), blob, media_type="image/tiff", name='a"; x="y\u00e9.html'
    )

    query = parse_qs(urlsplit(answer["Location"]).query)
    assert query["response-content-disposition"] == [
        "attachment; filename*=utf-8''a%22%3B%20x%3D%22y%C3%A9.html"
    ]
    assert query["response-content-type"] == ["application/octet-stream"]


def test_a_lent_copy_lives_as_long_as_its_block(bucket: Any):
    blob = put(b"lent")

    with blobs.local_copy(blob.sha256) as path:
        content = path.read_bytes()

    assert content == b"lent"
    assert not path.exists()


def test_a_blob_that_was_changed_is_not_lent(bucket: Any):
    blob = put(b"right")
    bucket.put_object(Key=blobs.key(blob.sha256), Body=b"wrong")

    with (
        pytest.raises(blobs.CorruptBlobError, match="restore it from a backup"),
        blobs.local_copy(blob.sha256),
    ):
        pass


def test_every_blob_of_a_bucket_is_listed(bucket: Any):
    blob = put(b"pixels")

    assert list(listed(blobs.store())) == [(bytes.fromhex(blob.sha256), 6)]
