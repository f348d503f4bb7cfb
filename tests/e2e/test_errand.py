"""The whole of a first day: sign in, upload, pre-label, correct, submit, export."""

import contextlib
import io
import json
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Download, Locator, Page, expect
from pycocotools.coco import COCO

from tests.stack import Stack

LONG_MS = 180_000


def own_picture(folder: Path) -> Path:
    """A plate with one plain scratch, drawn here, that the project has not seen."""
    image = Image.new("RGB", (640, 480), "#9aa3ab")
    draw = ImageDraw.Draw(image)
    draw.line([(120, 120), (250, 210), (330, 225)], fill="white", width=3)
    path = folder / "our-own-plate.jpg"
    image.save(path, quality=92)
    return path


def open_project(page: Page) -> None:
    page.get_by_role("link", name="Label", exact=True).click()
    page.get_by_role("link", name="Production line").first.click()
    expect(page.get_by_role("heading", name="Production line", level=1)).to_be_visible()


def at(stage: Locator, across: float, down: float) -> tuple[float, float]:
    """A point of the stage in page pixels, by shares of its size."""
    box = stage.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * across, box["y"] + box["height"] * down


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up()


def saved(page: Page) -> None:
    expect(page.locator("[data-saved]")).to_have_attribute("data-state", "saved")


def document(page: Page) -> dict[str, object]:
    image_id = page.url.rstrip("/").rpartition("/")[2]
    answer = page.request.get(f"/api/v1/labeling/images/{image_id}/document/")
    assert answer.ok
    return json.loads(answer.text())


def boxes(page: Page) -> list[list[float]]:
    rows = document(page)["annotations"]
    assert isinstance(rows, list)
    return sorted(row["bbox"] for row in rows)


def test_from_an_upload_to_a_coco_file(admin_page: Page, tmp_path: Path):
    page = admin_page
    open_project(page)
    before = page.request.get("/api/v1/labeling/projects/1/images/").json()["results"]
    page.locator("#upload-files").set_input_files(own_picture(tmp_path))
    expect(page.get_by_text("our-own-plate.jpg")).to_be_visible(timeout=LONG_MS)

    page.get_by_role("button", name="Pre-label").click()
    bar = page.locator("[data-job-progress]")
    expect(bar).to_be_visible()
    expect(bar).to_be_hidden(timeout=LONG_MS)
    images = page.request.get("/api/v1/labeling/projects/1/images/").json()["results"]
    assert len(images) == len(before) + 1
    assert sum(row["num_predictions"] for row in images) >= 3

    page.get_by_role("link", name="Label the next image").click()
    stage = page.locator("[data-stage]")
    expect(page.locator("#editor[data-loading]")).to_have_count(0)
    page.locator("[data-command=acceptAll]").click()
    saved(page)
    accepted = boxes(page)

    page.keyboard.press("b")
    page.keyboard.press("2")
    drag(page, at(stage, 0.40, 0.70), at(stage, 0.50, 0.80))
    saved(page)
    drawn = [box for box in boxes(page) if box not in accepted]
    assert len(drawn) == 1

    page.keyboard.press("Control+z")
    saved(page)
    assert boxes(page) == accepted
    page.keyboard.press("Control+Shift+Z")
    saved(page)
    assert len(boxes(page)) == len(accepted) + 1

    page.keyboard.press("v")
    drag(page, at(stage, 0.45, 0.75), at(stage, 0.55, 0.75))
    saved(page)
    moved = next(box for box in boxes(page) if box not in accepted)
    assert moved[0] > drawn[0][0]
    assert moved[1] == drawn[0][1]
    assert abs((moved[2] - moved[0]) - (drawn[0][2] - drawn[0][0])) < 0.01

    page.reload()
    expect(page.locator("#editor[data-loading]")).to_have_count(0)
    final = boxes(page)
    image_name = page.locator("[data-image-name]").inner_text()
    page.locator("[data-command=submit]").click()
    expect(page.locator("[data-image-name]")).not_to_have_text(image_name)

    page.goto("/labeling/projects/1/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export COCO").first.click()
    coco = read(download.value, tmp_path)
    rows = [row for row in coco.dataset["images"] if row["file_name"] == image_name]
    found = coco.loadAnns(coco.getAnnIds(imgIds=[rows[0]["id"]]))
    assert sorted(corners(row["bbox"]) for row in found) == final


def read(download: Download, folder: Path) -> COCO:
    path = folder / "export.json"
    download.save_as(path)
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def corners(bbox: list[float]) -> list[float]:
    x, y, width, height = bbox
    return [x, y, x + width, y + height]


def test_a_job_without_a_worker_waits_and_the_page_says_so(
    admin_page: Page, stack: Stack
):
    page = admin_page
    stack.kill("worker")
    stack.python(
        "from apps.jobs.models import Worker; Worker.objects.all().delete();print('[]')"
    )
    try:
        open_project(page)
        expect(page.get_by_text("No worker").first).to_be_visible()
        page.get_by_role("button", name="Pre-label").click()
        expect(page.locator("[data-job-status]").first).to_have_text("Queued")
    finally:
        stack.start("worker")
    expect(page.locator("[data-job-progress]")).to_be_hidden(timeout=LONG_MS)
