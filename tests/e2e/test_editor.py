"""The editor's hardest hours: fingers, a colleague, no network, a model that outlines."""

import io
import json
import time
from array import array
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, Response, StorageState, expect

from tests.e2e.test_errand import at, drag, saved
from tests.stack import Stack

FRESH = """
import json
from apps.labeling.models import Annotation, Image, Project
project = Project.objects.get(name="Production line")
image = Image.objects.filter(project=project).latest("pk")
Annotation.objects.filter(image=image).delete()
image.predictions.all().delete()
print(json.dumps(image.pk))
"""


@pytest.fixture(scope="module")
def image_id(stack: Stack) -> object:
    return stack.python(FRESH)


@pytest.fixture(scope="module")
def clicks(stack: Stack) -> Iterator[None]:
    stack.start("clicks")
    url = f"{stack.env['CLICK_SERVER_URL']}/v2/health/ready"
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            if httpx.get(url, timeout=10).is_success:
                break
        except httpx.TransportError:
            time.sleep(0.1)
    yield
    stack.kill("clicks")


@pytest.fixture
def editor(page: Page, signed_in: StorageState, image_id: object) -> Page:
    page.context.add_cookies(signed_in["cookies"])
    page.goto(f"/labeling/images/{image_id}/")
    expect(page.locator("#editor[data-loading]")).to_have_count(0)
    page.keyboard.press("v")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    saved(page)
    return page


def read(page: Page) -> dict[str, Any]:
    image_id = page.url.rstrip("/").rpartition("/")[2]
    answer = page.request.get(f"/api/v1/labeling/images/{image_id}/document/")
    assert answer.ok
    content: dict[str, Any] = json.loads(answer.text())
    return content


def of_a_box(answer: Response) -> bool:
    """The answer to what was said, not to the question that only prepares."""
    said = answer.request.post_data or ""
    return answer.url.endswith("/outlines/") and '"box"' in said


def careful(answer: Response) -> bool:
    """The answer that stays; a quick one before it may see nothing."""
    return of_a_box(answer) and '"quick":false' in (answer.request.post_data or "")


def token_of(page: Page) -> str:
    named = {each.get("name"): each.get("value") for each in page.context.cookies()}
    return named["csrftoken"] or ""


def kinds(page: Page) -> list[str]:
    return [row["kind"] for row in read(page)["annotations"]]


def draw_box(page: Page, left: float = 0.4, top: float = 0.4) -> None:
    stage = page.locator("[data-stage]")
    page.keyboard.press("b")
    drag(page, at(stage, left, top), at(stage, left + 0.15, top + 0.15))


def test_a_click_and_a_box_become_outlines(editor: Page, clicks: None) -> None:
    stage = editor.locator("[data-stage]")
    editor.keyboard.press(";")
    with editor.expect_response(of_a_box) as answer:
        drag(editor, at(stage, 0.35, 0.3), at(stage, 0.6, 0.7))
    assert answer.value.json()["outlines"]
    editor.keyboard.press("Enter")
    saved(editor)
    assert kinds(editor) == ["polygon"]

    editor.keyboard.press("Shift+U")
    editor.mouse.click(*at(stage, 0.5, 0.5))
    expect(editor.locator("[data-notice]")).to_contain_text("drag a box")
    with editor.expect_response(careful) as answer:
        drag(editor, at(stage, 0.35, 0.3), at(stage, 0.6, 0.7))
    assert answer.value.json()["outlines"]
    editor.keyboard.press("Shift+Enter")
    saved(editor)
    assert sorted(kinds(editor)) == ["mask", "polygon"]


def test_a_corner_is_carried_by_a_key_and_snaps_to_another_box(editor: Page) -> None:
    stage = editor.locator("[data-stage]")
    draw_box(editor)
    editor.keyboard.press("Shift+C")
    expect(editor.locator("[data-notice]")).to_contain_text("snap")
    drag(editor, at(stage, 0.7, 0.7), at(stage, 0.8, 0.8))
    editor.mouse.move(*at(stage, 0.69, 0.69))
    editor.keyboard.press("`")
    x, y = at(stage, 0.55, 0.55)
    editor.mouse.move(x + 4, y + 3)
    editor.mouse.click(x + 4, y + 3)
    saved(editor)

    first, second = (row["bbox"] for row in read(editor)["annotations"])
    assert second[:2] == first[2:]


def test_a_chosen_threshold_stays_for_the_next_image(editor: Page) -> None:
    slider = editor.locator("[data-threshold]")
    slider.evaluate("it => { it.value = 0.3; it.dispatchEvent(new Event('input')); }")
    before = editor.url

    editor.keyboard.press("s")
    editor.wait_for_url(lambda url: url != before)

    expect(slider).to_have_value("0.3")


def test_a_finger_draws_and_two_of_them_only_zoom(editor: Page) -> None:
    stage = editor.locator("[data-stage]")
    editor.keyboard.press("b")
    client = editor.context.new_cdp_session(editor)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(points)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    client.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    touch("touchStart", at(stage, 0.4, 0.4))
    touch("touchMove", at(stage, 0.5, 0.55))
    touch("touchEnd")
    saved(editor)
    assert kinds(editor) == ["box"]

    zoom = editor.locator("[data-zoom]").inner_text()
    touch("touchStart", at(stage, 0.4, 0.5))
    touch("touchStart", at(stage, 0.4, 0.5), at(stage, 0.6, 0.5))
    touch("touchMove", at(stage, 0.3, 0.5), at(stage, 0.7, 0.5))
    touch("touchEnd")
    expect(editor.locator("[data-zoom]")).not_to_have_text(zoom)
    saved(editor)
    assert kinds(editor) == ["box"]


def test_what_a_colleague_changed_meanwhile_is_shown_beside_ones_own(
    editor: Page,
) -> None:
    draw_box(editor)
    saved(editor)
    seen = read(editor)
    (mine,) = seen["annotations"]
    theirs = {**mine, "bbox": [10.0, 10.0, 50.0, 50.0]}
    token = token_of(editor)
    answer = editor.request.post(
        f"/api/v1/labeling/images/{seen['image']['id']}/operations/",
        data={"operations": [{"op": "put", "annotation": theirs}]},
        headers={
            "If-Match": f'"{seen["revision"]}"',
            "Idempotency-Key": "a-colleague",
            "X-CSRFToken": token,
            "Referer": editor.url,
        },
    )
    assert answer.ok, answer.text()

    editor.keyboard.press("ArrowRight")
    state = editor.locator("[data-saved]")
    expect(state).to_have_attribute("data-state", "conflict")
    editor.locator("[data-choose=theirs]").click()
    saved(editor)
    assert [row["bbox"] for row in read(editor)["annotations"]] == [theirs["bbox"]]


def test_what_is_drawn_without_a_network_is_saved_once_it_is_back(
    editor: Page,
) -> None:
    editor.context.set_offline(True)
    draw_box(editor)
    draw_box(editor, 0.6, 0.2)
    state = editor.locator("[data-saved]")
    expect(state).to_have_attribute("data-state", "unreachable")
    expect(state).to_contain_text("2")
    editor.context.set_offline(False)
    saved(editor)
    assert kinds(editor) == ["box", "box"]


def test_a_deep_image_has_a_window_of_values(editor: Page) -> None:
    row = array("H", range(1000, 5000, 10)).tobytes()
    file = io.BytesIO()
    Image.frombytes("I;16", (400, 200), row * 200).save(file, "PNG")
    token = token_of(editor)
    sent = editor.request.post(
        "/api/v1/labeling/projects/1/images/",
        multipart={
            "file": {
                "name": "deep.png",
                "mimeType": "image/png",
                "buffer": file.getvalue(),
            }
        },
        headers={"X-CSRFToken": token, "Referer": editor.url},
    )
    editor.goto(f"/labeling/images/{sent.json()['id']}/")
    expect(editor.locator("#editor[data-loading]")).to_have_count(0)

    editor.keyboard.press("i")
    low = editor.get_by_label("Black up to")
    expect(low).to_have_attribute("max", "4990")
    with editor.expect_response(lambda one: "?low=" in one.url) as shown:
        low.press("PageUp")

    assert shown.value.ok


GUIDE = """Tight boxes: <b> stays as typed.

A scratch counts from 3 pixels on."""
GUIDED = f"""
from apps.labeling.models import Project
Project.objects.filter(name="Production line").update(guide={GUIDE!r})
print("null")
"""


def test_the_guide_is_shown_as_it_was_written(
    page: Page, stack: Stack, signed_in: StorageState, image_id: object
) -> None:
    stack.python(GUIDED)
    page.context.add_cookies(signed_in["cookies"])
    page.goto(f"/labeling/images/{image_id}/")
    expect(page.locator("#editor[data-loading]")).to_have_count(0)
    guide = page.get_by_role("dialog", name="Labeling guide")

    page.keyboard.press("g")

    expect(guide).to_be_visible()
    assert guide.locator("[data-guide-text]").text_content() == GUIDE
    page.keyboard.press("Escape")
    expect(guide).to_be_hidden()
