"""Images go in judged by content and come out as the bytes that they are."""

import hashlib
import io
import random
import struct
import zlib
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.urls import reverse
from PIL import Image as PillowImage
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.labeling.models import Image, Project

HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def encoded(form: str, size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    file = io.BytesIO()
    noise = random.Random(7).randbytes(size[0] * size[1] * 3)
    PillowImage.frombytes("RGB", size, noise).save(file, form, **options)
    return file.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels)


@pytest.fixture
def client(bob: User, api_as: Callable[[User], APIClient]) -> APIClient:
    return api_as(bob)


@pytest.fixture
def send(client: APIClient, project: Project) -> Callable[..., Any]:
    def post(content: bytes, name: str = "a.jpg", **headers: str) -> Any:
        file = io.BytesIO(content)
        file.name = name
        return client.post(
            reverse("labeling-api:image-list", args=[project.pk]),
            {"file": file},
            headers=headers,
        )

    return post


def blobs() -> list[Path]:
    store = Path(django_settings.STORAGES["blobs"]["OPTIONS"]["location"])
    return [path for path in store.rglob("*") if path.is_file()]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_an_image_comes_back_byte_for_byte(
    client: APIClient, send: Callable[..., Any], form: str
):
    content = encoded(form)

    added = send(content, f"a.{form.lower()}")
    file = client.get(reverse("labeling-api:image-file", args=[added.json()["id"]]))

    assert added.status_code == 201
    assert added.json()["sha256"] == hashlib.sha256(content).hexdigest()
    assert (added.json()["width"], added.json()["height"]) == (40, 30)
    assert file.getvalue() == content


def test_the_same_bytes_are_one_image(send: Callable[..., Any]):
    first = send(encoded("PNG"), "a.png")

    again = send(encoded("PNG"), "b.png")

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        HTML,
        SVG,
        b"GIF89a" + HTML,
        b"\xff\xd8\xff\xe0" + HTML,
        encoded("JPEG")[:-200],
        encoded("PNG")[:100],
        b"%PDF-1.4",
        b"PK\x03\x04",
        random.Random(1).randbytes(4096),
    ],
)
def test_what_is_no_image_is_refused_whatever_its_name(
    send: Callable[..., Any], content: bytes
):
    before = blobs()

    answer = send(content, "holiday.jpg")

    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_image"
    assert not Image.objects.exists()
    assert blobs() == before


@pytest.mark.parametrize("size", [(23_000, 23_000), (60_000, 60_000)])
def test_a_header_that_claims_too_many_pixels_is_refused_undecoded(
    send: Callable[..., Any], size: tuple[int, int]
):
    answer = send(png_that_claims(*size), "bomb.png")

    assert answer.status_code == 413
    assert answer.json() == {
        "detail": f"{size[0]} x {size[1]} pixels are more than 500 megapixels: "
        "cut it into several images",
        "code": "too_large",
    }


def test_a_large_image_that_claims_more_than_it_has_is_refused(
    send: Callable[..., Any],
):
    answer = send(png_that_claims(11_000, 11_000), "bomb.png")

    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_image"
    assert not Image.objects.exists()


def test_a_header_that_lies_about_its_size_is_refused(send: Callable[..., Any]):
    content = bytearray(encoded("PNG"))
    content[16:24] = struct.pack(">II", 4000, 3000)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))

    answer = send(bytes(content), "liar.png")

    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_image"


def test_a_file_beyond_the_limit_is_refused(send: Callable[..., Any], settings):
    settings.MAX_UPLOAD_BYTES = 1000

    answer = send(encoded("BMP"), "a.bmp")

    assert answer.status_code == 413
    assert not Image.objects.exists()


def test_a_body_beyond_every_limit_is_refused_unread(
    client: APIClient, project: Project
):
    answer = client.generic(
        "POST",
        reverse("labeling-api:image-list", args=[project.pk]),
        CONTENT_TYPE="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(10**12),
    )

    assert answer.status_code == 413


def test_a_phones_picture_with_a_second_one_inside_is_an_image(
    send: Callable[..., Any],
):
    file = io.BytesIO()
    pictures = [PillowImage.new("RGB", (40, 30), color) for color in ("red", "blue")]
    pictures[0].save(file, "MPO", save_all=True, append_images=pictures[1:])

    answer = send(file.getvalue(), "phone.jpg")

    assert answer.status_code == 201
    assert answer.json()["media_type"] == "image/jpeg"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_a_damaged_file_is_read_or_refused_but_never_a_failure(
    send: Callable[..., Any], form: str
):
    dice = random.Random(f"damage {form}")
    options = {"JPEG": {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03"}}
    whole = encoded(form, **options.get(form, {}))
    statuses = set()

    for _ in range(25):
        broken = bytearray(whole)
        for _ in range(dice.randint(1, 6)):
            broken[dice.randrange(min(len(broken), 200))] = dice.randrange(256)
        statuses.add(send(bytes(broken)).status_code)

    assert statuses <= {200, 201, 400, 413}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.jpg", "passwd.jpg"),
        ("C:\\pictures\\a.jpg", "a.jpg"),
        ("картинка 画像.jpg", "картинка 画像.jpg"),
        ('a"b\r\nX-Evil: 1.jpg', None),
        ("x" * 300 + ".jpg", "x" * 251 + ".jpg"),
    ],
)
def test_a_name_is_only_a_name(
    client: APIClient, send: Callable[..., Any], name: str, kept: str | None
):
    added = send(encoded("JPEG"), name)
    file = client.get(reverse("labeling-api:image-file", args=[added.json()["id"]]))
    file.getvalue()

    assert added.status_code == 201
    assert "X-Evil" not in file.headers
    assert kept in {None, added.json()["name"]}


@pytest.mark.parametrize(
    ("form", "shown_as", "disposition"),
    [
        ("JPEG", "image/jpeg", "inline"),
        ("PNG", "image/png", "inline"),
        ("TIFF", "application/octet-stream", "attachment"),
    ],
)
def test_only_raster_images_are_shown_and_nothing_is_sniffed(
    client: APIClient,
    send: Callable[..., Any],
    form: str,
    shown_as: str,
    disposition: str,
):
    added = send(encoded(form), "a.html")

    file = client.get(reverse("labeling-api:image-file", args=[added.json()["id"]]))
    file.getvalue()

    assert file["Content-Type"] == shown_as
    assert file["Content-Disposition"].startswith(disposition)
    assert file["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in file["Content-Security-Policy"]
    assert "script-src" in file["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("wanted", "status", "first", "last"),
    [
        ("bytes=0-9", 206, 0, 9),
        ("bytes=10-", 206, 10, None),
        ("bytes=-7", 206, -7, None),
        ("bytes=0-99999999", 200, 0, None),
        ("bytes=5-2", 200, 0, None),
        ("bytes=0-1,4-5", 200, 0, None),
        ("lines=0-1", 200, 0, None),
        ("bytes=" + "9" * 5000 + "-", 200, 0, None),
        ("bytes=99999999-", 416, None, None),
        ("bytes=-0", 416, None, None),
        ("bytes=\u0663-", 200, 0, None),
    ],
)
def test_a_range_is_answered(
    client: APIClient,
    send: Callable[..., Any],
    wanted: str,
    status: int,
    first: int | None,
    last: int | None,
):
    content = encoded("PNG")
    url = reverse("labeling-api:image-file", args=[send(content).json()["id"]])

    answer = client.get(url, headers={"Range": wanted})

    part = b"" if first is None else content[first : None if last is None else last + 1]
    assert (answer.status_code, answer.getvalue()) == (status, part)
    assert status != 206 or int(answer["Content-Length"]) == len(part)
    assert status != 416 or answer["Content-Range"] == f"bytes */{len(content)}"


def test_an_unchanged_file_is_not_sent_again(
    client: APIClient, send: Callable[..., Any]
):
    url = reverse("labeling-api:image-file", args=[send(encoded("PNG")).json()["id"]])
    first = client.get(url)
    first.getvalue()
    etag = first["ETag"]

    again = [
        client.get(url, headers={"If-None-Match": value}).status_code
        for value in (etag, f"W/{etag}", f'"other", {etag}', "*")
    ]
    changed = client.get(url, headers={"If-None-Match": '"other"'})

    assert etag == f'"{hashlib.sha256(encoded("PNG")).hexdigest()}"'
    assert first["Cache-Control"] == "private, max-age=31536000, immutable"
    assert again == [304, 304, 304, 304]
    assert changed.getvalue() == encoded("PNG")


def test_a_head_request_tells_the_size_only(
    client: APIClient, send: Callable[..., Any]
):
    content = encoded("PNG")
    url = reverse("labeling-api:image-file", args=[send(content).json()["id"]])

    answer = client.head(url)

    assert int(answer["Content-Length"]) == len(content)
    assert answer.getvalue() == b""


def test_a_blob_that_is_gone_is_not_found(client: APIClient, send: Callable[..., Any]):
    added = send(encoded("PNG", (41, 31))).json()
    for path in blobs():
        if path.name == added["sha256"]:
            path.unlink()

    answer = client.get(reverse("labeling-api:image-file", args=[added["id"]]))

    assert answer.status_code == 404
    assert answer.json() == {
        "detail": "file not found in the blob store",
        "code": "not_found",
    }


def test_a_deep_image_is_shown_through_the_window_that_is_asked_for(
    client: APIClient, send: Callable[..., Any]
):
    row = array("H", [1000] * 10 + [5000] * 10)
    deep = PillowImage.frombytes("I;16", (20, 10), row.tobytes() * 10)
    file = io.BytesIO()
    deep.save(file, "PNG")
    pk = send(file.getvalue(), "deep.png").json()["id"]
    shown = reverse("labeling-api:image-shown", args=[pk])

    levels = client.get(reverse("labeling-api:image-levels", args=[pk])).json()
    dark = client.get(shown, {"low": "4000", "high": "9000"})
    empty = client.get(shown, {"low": "9", "high": "9"})
    words = client.get(shown, {"low": "dark", "high": "9"})

    assert levels == {"low": 1000, "high": 5000}
    assert dark["Content-Type"] == "image/jpeg"
    with PillowImage.open(io.BytesIO(dark.content)) as picture:
        left, right = picture.getpixel((2, 5)), picture.getpixel((17, 5))
    assert left == 0
    assert right == pytest.approx(51, abs=3)
    assert (empty.status_code, words.status_code) == (400, 400)
    assert "must lie below" in empty.json()["detail"]


def test_a_plain_image_has_no_levels(client: APIClient, image: Image):
    levels = client.get(reverse("labeling-api:image-levels", args=[image.pk]))

    assert levels.json() == {"low": None, "high": None}
