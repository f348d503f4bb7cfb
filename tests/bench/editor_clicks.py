"""From a click to its outline through the API, on pictures that the model has encoded."""

import random
import time
from collections.abc import Iterator
from typing import Any

import httpx

from tests.bench.portal import signed_in
from tests.bench.rows import Row

NUM_IMAGES, NUM_CLICKS = 6, 10
MOST_MS = (150.0, 400.0)


def measure() -> Iterator[Row]:
    rng = random.Random(3)
    with signed_in() as (running, client):
        found = client.get("/api/v1/labeling/projects/1/images/").json()["results"]
        images = [_size(client, row["id"]) for row in found[:NUM_IMAGES]]
        first = _ask(client, images[0], {"clicks": [_click(rng, images[0])]})
        yield Row(
            what="a fresh portal's start and its first click, packages installed",
            value=running.start_s + first,
            unit="s",
            goal=120,
        )
        prepared = [_ask(client, image, {"clicks": []}) for image in images[1:]]
        yield Row(
            what="encoding a picture, while the pointer is on its way, median",
            value=1000 * sorted(prepared)[len(prepared) // 2],
            unit="ms",
        )
        clicks, boxes, cuts = [], [], []
        for image in images:
            said: list[list[float]] = []
            for _ in range(NUM_CLICKS):
                said = [*said[-2:], _click(rng, image)]
                clicks.append(_ask(client, image, {"clicks": said}))
                box = _box(rng, image)
                boxes.append(_ask(client, image, {"box": box}))
                cuts.append(_ask(client, image, {"box": box, "by": "colors"}))
        yield from _rows("a click, up to three of them said", clicks)
        yield from _rows("a box, looked at through a window of its own", boxes)
        yield from _rows("a box cut out by colors (GrabCut)", cuts)


def _rows(what: str, took: list[float]) -> Iterator[Row]:
    took.sort()
    for name, share, goal in zip(("p50", "p95"), (0.5, 0.95), MOST_MS, strict=True):
        value = 1000 * took[int(share * len(took))]
        yield Row(what=f"{what}, {name}", value=value, unit="ms", goal=goal)


def _size(client: httpx.Client, image_id: int) -> dict[str, Any]:
    answer = client.get(f"/api/v1/labeling/images/{image_id}/document/")
    image: dict[str, Any] = answer.json()["image"]
    return image


def _ask(client: httpx.Client, image: dict[str, Any], said: dict[str, Any]) -> float:
    """Seconds to an answer; the first ever waits for the model's process."""
    began = time.monotonic()
    while True:
        path = f"/api/v1/labeling/images/{image['id']}/outlines/"
        answer = client.post(path, json=said)
        if answer.status_code == httpx.codes.OK:
            return time.monotonic() - began
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
        time.sleep(0.2)


def _click(rng: random.Random, image: dict[str, Any]) -> list[float]:
    x, y = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9)
    return [x * image["width"], y * image["height"], 1]


def _box(rng: random.Random, image: dict[str, Any]) -> list[float]:
    x, y, side = rng.uniform(0, 0.6), rng.uniform(0, 0.6), rng.uniform(0.1, 0.35)
    width, height = image["width"], image["height"]
    return [x * width, y * height, (x + side) * width, (y + side) * height]
