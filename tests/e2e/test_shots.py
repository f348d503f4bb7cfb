"""Makes the pictures of the documentation, so that they cannot go stale."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_errand import LONG_MS
from tests.stack import EMAIL, PASSWORD, Stack

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "img"
WIDE, NARROW = (1440, 900), (390, 844)
PAGES = {
    "home": "/",
    "projects": "/labeling/",
    "project": "/labeling/projects/1/",
    "gallery": "/labeling/projects/1/images/",
    "editor": "/labeling/images/1/",
    "wall": "/labeling/projects/1/wall/",
    "history": "/labeling/images/1/history/",
    "jobs": "/jobs/",
    "models": "/marketplace/",
    "people": "/settings/people/",
}


@pytest.fixture(scope="module")
def signed_in(browser: Browser, stack: Stack) -> object:
    """The session of an admin in whose project a model has made its proposals."""
    context = browser.new_context(base_url=stack.url)
    page = context.new_page()
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto("/labeling/projects/1/")
    page.get_by_role("button", name="Pre-label").click()
    bar = page.locator("[data-job-progress]")
    expect(bar).to_be_visible()
    expect(bar).to_be_hidden(timeout=LONG_MS)
    state = context.storage_state()
    context.close()
    return state


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_photographed(
    browser: Browser,
    stack: Stack,
    signed_in: object,
    name: str,
    size: tuple[int, int],
    theme: str,
):
    context = browser.new_context(
        base_url=stack.url,
        viewport={"width": size[0], "height": size[1]},
        storage_state=signed_in,
        color_scheme=theme,
        reduced_motion="reduce",
    )
    page: Page = context.new_page()
    page.goto(PAGES[name])
    page.wait_for_load_state("networkidle")
    expect(page.locator("#editor[data-loading]")).to_have_count(0)
    shape = "wide" if size == WIDE else "narrow"

    page.screenshot(path=FOLDER / f"{name}-{shape}-{theme}.png")

    overflow = "document.documentElement.scrollWidth - innerWidth"
    assert page.evaluate(overflow) <= 0
    context.close()
