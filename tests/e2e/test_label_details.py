"""How a label is drawn and what is asked of its objects: written down, then labeled by."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.test_errand import LONG_MS, at, drag, saved
from tests.e2e.test_project import NAMES, pictures

ATTRIBUTES = "damaged: yes/no\n  yes > cause: fall, heat\nnote: text"


def test_a_label_is_drawn_and_described_as_its_details_say(
    admin_page: Page, tmp_path: Path
):
    page = admin_page
    page.goto("/labeling/projects/new/")
    page.locator("#id_name").fill("Detailed")
    page.locator("#id_labels").fill("scratch\ndent")
    page.get_by_role("button", name="Create project").click()
    page.wait_for_url(re.compile(r"/labeling/projects/\d+/$"))
    project = page.url
    page.locator("#upload-files").set_input_files(pictures(tmp_path)[:1])
    expect(page.get_by_text(NAMES[0]).first).to_be_visible(timeout=LONG_MS)

    page.goto(f"{project}settings/")
    page.get_by_role("link", name="Details").first.click()
    page.get_by_label("Attributes, one a line").fill("damaged: yes/no\n  cause: fall")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".errorlist")).to_contain_text(
        "begin it with the answer of damaged"
    )
    page.get_by_label("Attributes, one a line").fill(ATTRIBUTES)
    page.get_by_label("Polygon", exact=True).check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="3 attributes").click()
    expect(page.get_by_label("Attributes, one a line")).to_have_value(ATTRIBUTES)
    expect(page.get_by_label("Polygon", exact=True)).to_be_checked()

    page.goto(f"{project}next/")
    expect(page.locator("#editor[data-loading]")).to_have_count(0)
    tool = page.locator("[data-tools] [aria-pressed=true]")
    expect(tool).to_have_attribute("data-command", "polygon")  # as its label asks
    page.keyboard.press("b")
    expect(page.locator("[data-label][aria-pressed=true]")).to_contain_text("dent")
    stage = page.locator("[data-stage]")
    drag(page, at(stage, 0.3, 0.3), at(stage, 0.5, 0.5))
    saved(page)
    page.keyboard.press("v")
    page.keyboard.press("Control+a")
    page.keyboard.press("1")  # a box cannot become a scratch
    expect(page.locator("[data-notice]")).to_contain_text("This label is not drawn so")
    page.keyboard.press("Escape")

    page.keyboard.press("q")
    expect(page.locator("[data-label][aria-pressed=true]")).to_contain_text("scratch")
    for corner in ((0.6, 0.6), (0.8, 0.6), (0.7, 0.8)):
        page.mouse.click(*at(stage, *corner))
    page.keyboard.press("Enter")
    saved(page)
    asked = page.locator("[data-attributes]")
    expect(asked.locator("label")).to_have_text(["damaged", "note"])
    asked.get_by_label("damaged").check()
    asked.get_by_label("cause").select_option("heat")
    saved(page)
    asked.get_by_label("damaged").uncheck()
    expect(asked.locator("label")).to_have_text(["damaged", "note"])
    asked.get_by_label("damaged").check()
    expect(asked.get_by_label("cause")).to_have_value("")
