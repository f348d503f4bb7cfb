"""Photographs every page: those of the documentation, and all of them to be looked at.

The documentation's go into docs/img, so that they cannot go stale; the rest into
``var/shots``, each page wide and narrow, light and dark, with and without data.
"""

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.e2e.closing import closed_in_time
from tests.e2e.rooms import (
    ANYWHERE,
    EMPTY,
    EMPTY_EMAIL,
    VISITOR,
    furnish,
    of_deployments,
    of_project,
)
from tests.e2e.signing import sign_in
from tests.stack import EMAIL, ROOT, Stack

DOCUMENTED = {
    "full-editor-wide-dark", "full-editor-wide-light", "full-gallery-wide-light",
    "full-project-wide-light",
}  # fmt: skip
SHOTS, DOCS = ROOT / "var" / "shots", ROOT / "docs" / "img"
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}


@pytest.fixture(scope="module")
def full(stack: Stack) -> dict[str, str]:
    """The pages of a workspace where a model helped, learned and was published."""
    made = furnish(stack)
    model = f"/marketplace/{made['model']}/"
    return {
        **ANYWHERE,
        **of_project(made["project"]),
        "editor": f"/labeling/images/{made['image']}/",
        "history": f"/labeling/images/{made['changed']}/history/",
        "remarks": f"/labeling/images/{made['changed']}/",
        "compare": f"/training/compare/?run={made['run']}&run={made['other_run']}",
        "schema": f"/labeling/projects/{made['project']}/labels/{made['label']}/schema/",
        "version": f"/labeling/versions/{made['version']}/",
        "run": f"/training/runs/{made['run']}/",
        "job": f"/jobs/{made['job']}/",
        "report": f"/diagnostics/reports/{made['report']}/",
        **of_deployments(made),
        "model": model,
        **{
            f"model-{tab}": f"{model}{tab}/"
            for tab in ("files", "revisions", "feedback", "settings")
        },
        "thread": f"/marketplace/{made['talked_of']}/feedback/{made['thread']}/",
    }


@pytest.fixture(scope="module")
def empty(stack: Stack) -> dict[str, str]:
    return {**ANYWHERE, **of_project(stack.python(EMPTY))}


@pytest.mark.parametrize("who", ["full", "empty", "visitor"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_photographed(
    browser: Browser,
    stack: Stack,
    request: pytest.FixtureRequest,
    size: str,
    theme: str,
    who: str,
):
    pages = VISITOR if who == "visitor" else request.getfixturevalue(who)
    width, height = SIZES[size]
    context = browser.new_context(
        base_url=stack.url,
        viewport={"width": width, "height": height},
        color_scheme=theme,
        reduced_motion="reduce",
    )
    page = context.new_page()
    if who != "visitor":
        sign_in(page, EMAIL if who == "full" else EMPTY_EMAIL)
    SHOTS.mkdir(parents=True, exist_ok=True)

    too_wide = {
        name: page.url
        for name, path in pages.items()
        if _photographed(page, path, f"{who}-{name}-{size}-{theme}") > 0
    }

    with closed_in_time():
        context.close()
    _sheet(sorted(SHOTS.glob(f"{who}-*-{size}-{theme}.png")), f"{who}-{size}-{theme}")
    assert too_wide == {}


def _photographed(page: Page, path: str, name: str) -> int:
    """Take the picture; tell how many pixels lie beyond the right edge."""
    page.goto(path)
    page.wait_for_load_state("networkidle")
    expect(page.locator("#editor[data-loading]")).to_have_count(0)
    page.screenshot(path=SHOTS / f"{name}.png")
    if name in DOCUMENTED:
        with Image.open(SHOTS / f"{name}.png") as shot:
            kept = DOCS / f"{name.removeprefix('full-')}.webp"
            shot.convert("RGB").save(kept, quality=88, method=6)
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def _sheet(paths: list[Path], name: str, *, num_across: int = 4) -> None:
    """All pictures of one kind on one, to be seen at a glance."""
    shots = [Image.open(path) for path in paths]
    width = 480 if shots[0].width > shots[0].height else 260
    height = width * shots[0].height // shots[0].width
    rows = -(-len(shots) // num_across)
    sheet = Image.new("RGB", (num_across * width, rows * height), "gray")
    for index, shot in enumerate(shots):
        at = (index % num_across * width, index // num_across * height)
        sheet.paste(shot.resize((width - 4, height - 4)), at)
    sheet.save(SHOTS / f"sheet-{name}.png")
