"""A project from nothing: create, upload, allocate, label, review, test, freeze, export."""

import json
import re
import zipfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.test_errand import LONG_MS, at, drag, saved

NAMES = ["plate-1.png", "plate-2.png"]


def pictures(folder: Path) -> list[Path]:
    paths = [folder / name for name in NAMES]
    for grey, path in enumerate(paths, start=100):
        Image.new("RGB", (320, 240), (grey, grey, grey)).save(path)
    return paths


def choose(page: Page, name: str) -> None:
    page.get_by_label(f"Choose {name}").check(force=True)


def test_a_project_from_nothing_to_a_zip_with_its_images(
    admin_page: Page, tmp_path: Path
):
    page = admin_page
    page.goto("/labeling/projects/new/")
    page.locator("#id_name").fill("Plates")
    page.locator("#id_labels").fill("scratch\ndent")
    page.get_by_role("button", name="Create project").click()
    page.wait_for_url(re.compile(r"/labeling/projects/\d+/$"))
    project = page.url
    page.locator("#upload-files").set_input_files(pictures(tmp_path))
    for name in NAMES:
        expect(page.get_by_text(name).first).to_be_visible(timeout=LONG_MS)

    page.goto(f"{project}images/")
    choose(page, NAMES[1])
    page.get_by_role("button", name="Assign", exact=True).click()
    dialog = page.get_by_role("dialog", name="Assign the chosen images")
    expect(dialog.locator("option")).not_to_have_count(1)
    dialog.get_by_label("To", exact=True).select_option(index=1)
    dialog.get_by_role("button", name="Assign").click()
    expect(page.get_by_text("1 image changed.")).to_be_visible()

    page.get_by_role("link", name="Label the next image").first.click()
    expect(page.locator("#editor[data-loading]")).to_have_count(0)
    expect(page.locator("[data-image-name]")).to_have_text(NAMES[1])
    stage = page.locator("[data-stage]")
    page.keyboard.press("b")
    page.keyboard.press("1")
    drag(page, at(stage, 0.4, 0.4), at(stage, 0.6, 0.6))
    saved(page)
    page.locator("[data-command=submit]").click()
    expect(page.locator("[data-image-name]")).to_have_text(NAMES[0])

    page.goto(f"{project}next/?review")
    panel = page.locator("[data-review]")
    panel.get_by_role("button", name="Accept").click()
    expect(page.locator("[data-image-state]")).to_have_text("accepted")

    page.goto(f"{project}images/?review=accepted")
    choose(page, NAMES[1])
    page.get_by_role("button", name="Use as tests").click()
    expect(page.get_by_text("1 image changed.")).to_be_visible()
    page.goto(f"{project}quality/")
    tests = page.locator("#honeypots")
    expect(tests).to_contain_text("1 image is a test.")
    tests.locator("input[type=number]").fill("20")
    tests.get_by_role("button", name="Save").click()
    expect(page.locator("#honeypots input[type=number]")).to_have_value("20")

    page.goto(f"{project}versions/")
    page.get_by_role("button", name="Make version").click()
    expect(page.get_by_text("Version 1").first).to_be_visible()

    page.goto(f"{project}data/")
    page.get_by_label("With the images").check()
    page.get_by_role("button", name="Export", exact=True).click()
    link = page.get_by_role("link", name="Download")
    expect(link).to_be_visible(timeout=LONG_MS)
    with page.expect_download() as download:
        link.click()
    download.value.save_as(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as out:
        content = json.loads(out.read("annotations.json"))
        for name in NAMES:
            assert out.read(f"images/{name}") == (tmp_path / name).read_bytes()
    assert len(content["annotations"]) == 1
