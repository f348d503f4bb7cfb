"""From a click to its outline through the API, on pictures that the model has encoded."""

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.bench.portal import signed_in
from tests.bench.rows import Row

Image = dict[str, Any]
NUM_IMAGES, NUM_CLICKS = 6, 12
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
        took: dict[str, _Took] = defaultdict(_Took)
        for image in images:
            said: list[list[float]] = []
            for turn in range(NUM_CLICKS):
                # The next object after three clicks; every other question as it was
                # before there were first outlines.
                said = [*(said if len(said) < 3 else ()), _click(rng, image)]
                box = _box(rng, image)
                asked = {
                    "a click, up to three of them said": {"clicks": said},
                    "a box": {"box": box},
                    "a box cut out by colors (GrabCut)": {"box": box, "by": "colors"},
                }
                for what, prompt in asked.items():
                    took[what].note(client, image, prompt, is_quick=turn % 2 == 0)
        for what, each in took.items():
            yield from _rows(f"{what}: first outline", each.first, goals=MOST_MS)
            yield from _rows(f"{what}: refined", each.refined)
            yield from _rows(f"{what}: asked for the refined one alone", each.alone)


@dataclass(slots=True)
class _Took:
    """Seconds from a click to what is shown, as the editor asks and as it once did."""

    first: list[float] = field(default_factory=list)
    refined: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)

    def note(
        self, client: httpx.Client, image: Image, prompt: Image, *, is_quick: bool
    ) -> None:
        if not is_quick:
            self.alone.append(_ask(client, image, prompt))
            return
        began = time.monotonic()
        answer = _answer(client, image, {**prompt, "quick": True})
        self.first.append(time.monotonic() - began)
        if not answer["is_final"]:
            _ask(client, image, prompt)
        self.refined.append(time.monotonic() - began)


def _rows(
    what: str, took: list[float], *, goals: tuple[float | None, ...] = (None, None)
) -> Iterator[Row]:
    took.sort()
    for name, share, goal in zip(("p50", "p95"), (0.5, 0.95), goals, strict=True):
        value = 1000 * took[int(share * len(took))]
        yield Row(what=f"{what}, {name}", value=value, unit="ms", goal=goal)


def _size(client: httpx.Client, image_id: int) -> Image:
    answer = client.get(f"/api/v1/labeling/images/{image_id}/document/")
    image: Image = answer.json()["image"]
    return image


def _ask(client: httpx.Client, image: Image, said: Image) -> float:
    """Seconds to an answer."""
    began = time.monotonic()
    _answer(client, image, said)
    return time.monotonic() - began


def _answer(client: httpx.Client, image: Image, said: Image) -> Image:
    """What is answered; the first ever waits for the model's process."""
    while True:
        path = f"/api/v1/labeling/images/{image['id']}/outlines/"
        answer = client.post(path, json=said)
        if answer.status_code == httpx.codes.OK:
            found: Image = answer.json()
            return found
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
        time.sleep(0.2)


def _click(rng: random.Random, image: Image) -> list[float]:
    x, y = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9)
    return [x * image["width"], y * image["height"], 1]


def _box(rng: random.Random, image: Image) -> list[float]:
    x, y, side = rng.uniform(0, 0.6), rng.uniform(0, 0.6), rng.uniform(0.1, 0.35)
    width, height = image["width"], image["height"]
    return [x * width, y * height, (x + side) * width, (y + side) * height]
