"""Very large images: cut by a worker, seen through tiles, never decoded whole."""

import io
from typing import Any

import pytest
from PIL import Image as PillowImage
from PIL import ImageDraw

from apps.core.blobs import is_kept
from apps.jobs.models import Job
from apps.labeling.models import Image, Pyramid
from apps.labeling.tasks import tile

pytestmark = pytest.mark.django_db
SIZE = (1500, 1100)


@pytest.fixture(autouse=True)
def _small_is_large(settings: Any) -> None:
    settings.MAX_IMAGE_PIXELS = 1_000_000
    settings.TILE_FROM_PIXELS = 500_000
    settings.MAX_TILED_PIXELS = 3_000_000


def picture(size: tuple[int, int] = SIZE) -> PillowImage.Image:
    """Four coloured quarters, and a dot near the far corner."""
    image, (width, height) = PillowImage.new("RGB", size, "#cc2020"), size
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 2, 0, width, height // 2), fill="#20cc20")
    draw.rectangle((0, height // 2, width // 2, height), fill="#2020cc")
    draw.rectangle((width - 60, height - 60, width - 30, height - 30), fill="#ffffff")
    return image


def file_of(image: PillowImage.Image, form: str = "JPEG", **how: Any) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, form, **how)
    file.seek(0)
    file.name = f"large.{form.lower()}"
    return file


def send(client: Any, project: Any, file: io.BytesIO) -> Any:
    return client.post(
        f"/api/v1/labeling/projects/{project.pk}/images/", {"file": file}
    )


def cut(image_id: int) -> Job:
    job = Job.objects.get(pk=Pyramid.objects.get(image_id=image_id).job_id)
    tile(str(job.pk))
    job.refresh_from_db()
    return job


def color_in(answer: Any, at: tuple[int, int]) -> tuple[int, ...]:
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "image/jpeg"
    pixel = PillowImage.open(io.BytesIO(answer.content)).getpixel(at)
    assert isinstance(pixel, tuple)
    return pixel


def near(pixel: tuple[int, ...], wanted: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(pixel, wanted, strict=True))


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_large_image_is_cut_and_seen_tile_by_tile(
    alice: Any, charlie: Any, project: Any, api_as: Any, form: str
) -> None:
    client = api_as(alice)
    made = send(client, project, file_of(picture(), form)).json()
    base = f"/api/v1/labeling/images/{made['id']}/"
    assert (made["width"], made["height"]) == SIZE
    assert (
        client.get(f"{base}document/").json()["image"]["tiles_url"] == f"{base}tiles/"
    )
    before, early = client.get(f"{base}tiles/"), client.get(f"{base}tiles/2/2/2/")
    assert (before.status_code, before.json()["state"]) == (200, "cutting")
    assert (early.status_code, early.json()["code"]) == (409, "tiles_not_ready")

    job = cut(made["id"])

    assert (job.status, job.num_done) == ("done", 100), job.error
    told = client.get(f"{base}tiles/").json()
    assert told == {
        "state": "ready", "percent": 100, "detail": "", "tile_px": 512,
        "levels": [[375, 275], [750, 550], [1500, 1100]],
    }  # fmt: skip
    last = client.get(f"{base}tiles/2/2/2/")
    assert near(color_in(last, (1455 - 1024, 1055 - 1024)), (255, 255, 255))
    assert near(color_in(client.get(f"{base}tiles/0/0/0/"), (300, 20)), (32, 204, 32))
    assert "immutable" in last["Cache-Control"]
    assert "private" in last["Cache-Control"]
    for absent in ("2/3/0", "3/0/0", "0/0/1"):
        assert client.get(f"{base}tiles/{absent}/").status_code == 404
    for path in ("tiles/", "tiles/0/0/0/"):
        assert api_as(charlie).get(base + path).status_code == 404


def test_a_turned_photograph_is_cut_upright(
    alice: Any, project: Any, api_as: Any
) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # the top is on the right
    turned = picture().transpose(PillowImage.Transpose.ROTATE_90)
    client = api_as(alice)
    made = send(client, project, file_of(turned, exif=exif.tobytes())).json()
    assert (made["width"], made["height"]) == SIZE

    assert cut(made["id"]).status == "done"

    answer = client.get(f"/api/v1/labeling/images/{made['id']}/tiles/0/0/0/")
    assert near(color_in(answer, (300, 20)), (32, 204, 32))


def test_a_crop_is_put_together_from_tiles(
    alice: Any, project: Any, api_as: Any
) -> None:
    client = api_as(alice)
    made = send(client, project, file_of(picture())).json()
    base = f"/api/v1/labeling/images/{made['id']}/crop/"
    assert client.get(base).status_code == 409
    cut(made["id"])

    corner = client.get(base, {"box": "1400,1000,1500,1100"})
    across = client.get(base, {"box": "450,500,1060,600"})

    assert near(color_in(corner, (55, 55)), (255, 255, 255))
    assert near(color_in(across, (280, 10)), (32, 204, 32))
    assert near(color_in(client.get(base), (20, 200)), (32, 32, 204))


def test_what_cannot_be_read_row_by_row_is_refused_with_what_to_do(
    alice: Any, project: Any, api_as: Any
) -> None:
    client, large = api_as(alice), picture()
    progressive = send(client, project, file_of(large, progressive=True))
    tiff = send(client, project, file_of(large, "TIFF"))
    deep = PillowImage.new("I;16", large.size)
    deep_tiff, deep_png = (
        send(client, project, file_of(deep, form)) for form in ("TIFF", "PNG")
    )
    huge = send(client, project, file_of(PillowImage.new("L", (2000, 1501)), "PNG"))
    whole = file_of(large).getvalue()
    half = io.BytesIO(whole[: len(whole) // 2])
    half.name = "half.jpg"
    broken = send(client, project, half)

    for answer in (progressive, tiff, deep_tiff, deep_png):
        assert answer.status_code == 413
        assert "JPEG that is not progressive" in answer.json()["detail"]
    assert (huge.status_code, broken.status_code) == (413, 400)
    assert "3 megapixels" in huge.json()["detail"]
    assert "send a whole JPEG" in broken.json()["detail"]
    assert not Image.objects.exists()


def test_an_image_from_before_is_cut_when_it_is_first_opened(
    alice: Any, bob: Any, project: Any, api_as: Any, settings: Any
) -> None:
    settings.MAX_IMAGE_PIXELS, settings.TILE_FROM_PIXELS = 3_000_000, 4_000_000
    made = send(api_as(alice), project, file_of(picture())).json()
    url = f"/api/v1/labeling/images/{made['id']}/tiles/"
    whole = api_as(alice).get(url)
    assert (whole.status_code, whole.json()["code"]) == (404, "not_found")
    settings.TILE_FROM_PIXELS = 500_000

    states = [api_as(bob).get(url).json()["state"] for _ in range(2)]

    assert states == ["cutting", "cutting"]
    assert Job.objects.filter(kind="tile").count() == 1
    assert cut(made["id"]).status == "done"


def test_a_file_that_spoils_ends_the_job_with_its_reason_and_it_can_be_retried(
    alice: Any, project: Any, api_as: Any
) -> None:
    client = api_as(alice)
    made = send(client, project, file_of(picture())).json()
    job = Job.objects.get(kind="tile")
    good = job.params["sha256"]
    Job.objects.filter(pk=job.pk).update(params={**job.params, "sha256": "0" * 64})
    assert cut(made["id"]).status == "failed"
    told = client.get(f"/api/v1/labeling/images/{made['id']}/tiles/").json()
    assert told["state"] == "failed"
    assert "not found" in told["detail"]

    Job.objects.filter(pk=job.pk).update(params={**job.params, "sha256": good})
    assert client.post(f"/api/v1/jobs/{job.pk}/retry/").status_code < 300
    assert cut(made["id"]).status == "done"


def test_tiles_go_with_their_image(alice: Any, project: Any, api_as: Any) -> None:
    made = send(api_as(alice), project, file_of(picture())).json()
    cut(made["id"])
    assert is_kept(Pyramid.objects.get().tiles_sha256)

    api_as(alice).delete(f"/api/v1/labeling/images/{made['id']}/")

    assert not Pyramid.objects.exists()  # and the collector frees the file
