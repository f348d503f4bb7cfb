"""A model is searched for, looked into, tried on a picture and talked about."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from deepseek_vision.synthetic.production_line import write_production_line

MODEL = "dsportal/deepseek_vision_v2"


def test_a_model_is_found_as_one_types_and_narrowed_down(admin_page: Page):
    page = admin_page
    page.goto("/marketplace/")
    tiles = page.locator(".tiles .model-card")
    before = tiles.count()
    search = page.get_by_label("Search models")

    search.press_sequentially("nuclei")
    expect(page).to_have_url(re.compile("q=nuclei"))
    expect(tiles).to_have_count(1)
    page.get_by_role("link", name="Show all").click()
    expect(tiles).to_have_count(before)
    page.get_by_role("navigation", name="Narrow down").get_by_role(
        "link", name="object-detection"
    ).click()
    expect(page).to_have_url(re.compile("task=object-detection"))
    expect(tiles).not_to_have_count(before)
    page.get_by_role("link", name="Show all").click()
    expect(tiles).to_have_count(before)

    search.fill("no such model")
    expect(page.get_by_text("No model fits")).to_be_visible()
    page.go_back()
    expect(tiles).to_have_count(before)


def test_a_model_is_tried_on_a_picture_and_its_threshold_moved(
    admin_page: Page, tmp_path: Path
):
    write_production_line(tmp_path / "line", num_images=1, seed=3)
    picture = next((tmp_path / "line").rglob("*.jpg"))
    page = admin_page
    page.goto(f"/marketplace/{MODEL}/")

    page.get_by_label("Drop a picture here, or choose one").set_input_files(picture)

    expect(
        page.get_by_text(re.compile(r"Answered in .* ms on one core"))
    ).to_be_visible(timeout=120_000)
    found = page.locator("[data-found]:not([hidden])")
    slider = page.get_by_label("Show what is surer than")
    slider.press("Home")
    most = found.count()
    assert most > 0
    slider.press("End")
    expect(found).to_have_count(0)
    expect(page.locator("[data-num-shown]")).to_have_text("0")
    slider.press("Home")
    expect(found).to_have_count(most)

    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    page.get_by_label("Drop a picture here, or choose one").set_input_files(text)
    expect(page.get_by_role("alert")).to_be_visible(timeout=60_000)


def test_weights_are_looked_into_without_being_loaded(admin_page: Page):
    page = admin_page
    page.goto(f"/marketplace/{MODEL}/")
    page.get_by_role("navigation", name="Model", exact=True).get_by_role(
        "link", name="Files"
    ).click()

    row = page.get_by_role("row", name=re.compile("^model.safetensors"))
    row.get_by_role("link", name="Look inside").click()

    expect(page.get_by_text("read from the header, nothing was loaded")).to_be_visible()
    page.get_by_text("All tensors").click()
    expect(
        page.get_by_role("cell", name=re.compile("\\d+ . \\d+")).first
    ).to_be_visible()
    page.get_by_role("link", name="Close").click()
    expect(page.get_by_text("nothing was loaded")).to_have_count(0)


def test_what_is_asked_about_a_model_is_answered_and_settled(admin_page: Page):
    page = admin_page
    page.goto(f"/marketplace/{MODEL}/feedback/")
    page.get_by_label("In a line").fill("Misses hairlines")
    page.get_by_label("What happened, or what do you need?").fill("Below 3 px.")
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_role("heading", name="Misses hairlines")).to_be_visible()
    page.get_by_label("Your answer").fill("The next version sees them.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("The next version sees them.")).to_be_visible()
    page.get_by_label("State", exact=True).select_option("done")
    page.get_by_role("button", name="Save").first.click()
    expect(
        page.get_by_text(re.compile("put it to done", re.IGNORECASE))
    ).to_be_visible()

    page.goto(f"/marketplace/{MODEL}/feedback/")
    page.get_by_role("link", name="Open", exact=True).click()
    expect(page.get_by_text("Nothing stands like that")).to_be_visible()
