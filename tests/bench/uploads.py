"""1,000 images of about 200 kB through the API by four clients, thumbnails included."""

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
from PIL import Image

from tests.bench.portal import signed_in
from tests.bench.rows import Row

NUM_IMAGES = 1000
NUM_CLIENTS = 4


def measure() -> Iterator[Row]:
    template = _photo_like()
    with signed_in() as (_, client):
        projects = client.get("/api/v1/labeling/projects/").json()
        project_id = projects["results"][0]["id"]
        started_at = time.monotonic()
        with ThreadPoolExecutor(NUM_CLIENTS) as pool:
            codes = list(
                pool.map(
                    lambda number: _upload(client, project_id, template, number),
                    range(NUM_IMAGES),
                )
            )
        took_s = time.monotonic() - started_at
        assert set(codes) == {201}
    yield Row(what="all uploaded", value=took_s, unit="s", goal=60)
    yield Row(what="size of one", value=len(template) / 1000, unit="kB")


def _upload(client: httpx.Client, project_id: int, template: bytes, number: int) -> int:
    # A comment after the end marker makes each a file of its own.
    body = template + number.to_bytes(4, "big")
    files = {"file": (f"{number:04}.jpg", body, "image/jpeg")}
    return client.post(
        f"/api/v1/labeling/projects/{project_id}/images/", files=files
    ).status_code


def _photo_like() -> bytes:
    """A picture with the detail of a photograph: 1024 x 768, about 200 kB."""
    noise = np.random.default_rng(7).normal(128, 40, (192, 256, 3)).clip(0, 255)
    image = Image.fromarray(noise.astype(np.uint8)).resize((1024, 768))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return file.getvalue()
