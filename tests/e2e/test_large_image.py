"""An image of 20,000 x 20,000 pixels in the editor: cut, seen and drawn on."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, StorageState, expect

from tests.e2e.closing import closed_in_time
from tests.e2e.test_errand import at, drag, saved
from tests.large import SIDE, write_large

CUT_S = 240


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large.jpg"
    write_large(path)
    return path


@pytest.fixture(scope="module")
def cut_id(browser: Any, stack: Any, signed_in: StorageState, large: Path) -> int:
    context = browser.new_context(base_url=stack.url)
    context.add_cookies(signed_in["cookies"])
    token = next(
        each["value"] for each in context.cookies() if each["name"] == "csrftoken"
    )
    made = context.request.post(
        "/api/v1/labeling/projects/1/images/",
        multipart={"file": large},
        headers={"X-CSRFToken": token, "Referer": stack.url},
        timeout=120_000,
    )
    assert made.status == 201, made.text()
    image_id: int = made.json()["id"]
    end = time.monotonic() + CUT_S
    while time.monotonic() < end:
        told = context.request.get(f"/api/v1/labeling/images/{image_id}/tiles/").json()
        if told["state"] == "ready":
            break
        assert told["state"] == "cutting", told
        time.sleep(0.5)
    with closed_in_time():
        context.close()
    return image_id


@pytest.fixture
def editor(page: Page, signed_in: StorageState, cut_id: int) -> Page:
    page.context.add_cookies(signed_in["cookies"])
    page.goto(f"/labeling/images/{cut_id}/")
    expect(page.locator("#editor[data-loading]")).to_have_count(0)
    return page


def color(page: Page, across: float, down: float) -> tuple[int, int]:
    """Red and green where the stage shows it, by shares of its size."""
    red, green = page.evaluate(
        """([across, down]) => {
          const canvas = document.querySelector("canvas[data-layer=image]");
          const [x, y] = [canvas.width * across, canvas.height * down];
          return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data].slice(0, 2);
        }""",
        [across, down],
    )
    return red, green


def wait_for_color(page: Page, wanted: tuple[float, float], at: float) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        seen = color(page, at, at)
        if all(abs(a - b) < 4 for a, b in zip(seen, wanted, strict=True)):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{color(page, at, at)} is shown, not {wanted}")


def test_a_box_on_20000_pixels_lies_where_the_tiles_show_it(
    editor: Page, cut_id: int
) -> None:
    asked: list[str] = []
    editor.on("request", lambda request: asked.append(request.url))
    stage = editor.locator("[data-stage]")
    wait_for_color(editor, (127, 127), 0.5)
    assert not any(url.endswith("/shown/") for url in asked)

    x, y = at(stage, 0.6, 0.4)
    editor.mouse.move(x, y)
    for _ in range(40):
        editor.mouse.wheel(0, -200)
    editor.wait_for_function(
        "parseInt(document.querySelector('[data-zoom]').textContent) >= 100"
    )
    editor.keyboard.press("b")
    drag(editor, at(stage, 0.4, 0.4), at(stage, 0.6, 0.6))
    saved(editor)

    image = json.loads(
        editor.request.get(f"/api/v1/labeling/images/{cut_id}/document/").text()
    )
    (drawn,) = [row["bbox"] for row in image["annotations"]]
    middle = [(drawn[0] + drawn[2]) / 2, (drawn[1] + drawn[3]) / 2]
    wait_for_color(editor, (middle[0] / SIDE * 255, middle[1] / SIDE * 255), 0.5)
    assert 10_000 < middle[0] < SIDE
    assert 0 < middle[1] < 10_000
    tiles = [url for url in asked if "/tiles/" in url]
    assert len(tiles) < 400  # of 2,139
