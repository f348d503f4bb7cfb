"""Every page, seen by axe-core and by its width: no serious finding, nothing cut off."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page

from tests.e2e.closing import closed_in_time
from tests.e2e.rooms import PLANNED
from tests.stack import Stack

AXE = Path(settings.BASE_DIR) / "static/node_modules/axe-core/axe.min.js"
DESKTOP, PHONE = (1440, 900), (390, 844)
# The theme changes colours and nothing else: one look each at what else there is.
ALL, COLORS = {}, {"runOnly": ["color-contrast", "link-in-text-block"]}
LOOKS = [(DESKTOP, "light", ALL), (DESKTOP, "dark", COLORS), (PHONE, "dark", ALL)]
VISITOR = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/no/"]
MEMBER = [
    "/", "/labeling/", "/labeling/projects/new/", "/training/", "/marketplace/",
    "/marketplace/catalogue/", "/marketplace/trash/", "/marketplace/datasets/",
    "/marketplace/promise/", "/marketplace/tokens/", "/marketplace/licences/",
    "/marketplace/dsportal/deepseek_vision_v2/feedback/",
    "/deployments/", "/deployments/new/", "/deployments/targets/",
    "/deployments/targets/new/", "/deployments/targets/new/aws-sagemaker/",
    "/deployments/targets/credentials/", "/diagnostics/", "/jobs/", "/settings/profile/",
    "/settings/people/", "/settings/tokens/", "/settings/webhooks/", "/settings/audit/",
    "/accounts/password/change/", "/accounts/email/", "/accounts/logout/", "/no/",
]  # fmt: skip
OF_PROJECT = [
    "", "images/", "images/?name=none-is-called-so", "quality/",
    "allocation/", "settings/", "wall/", "versions/", "versions/merge/", "data/",
]  # fmt: skip
# What is preloaded serves a rule about media and an experimental one.
RUN = """rules => axe
  .run(document, {resultTypes: ["violations"], preload: false, ...rules})
  .then(({violations}) => violations
    .filter(({impact}) => impact === "serious" || impact === "critical")
    .map(({id, nodes}) => ({id, at: nodes.map(({html}) => html.slice(0, 160))})))"""


@pytest.fixture(scope="module")
def project_paths(stack: Stack) -> list[str]:
    """A project's pages, with one of its images' and one of its labels'."""
    made = stack.python(
        "import json; from apps.labeling.models import Project;"
        "project = Project.objects.earliest('pk');"
        "print(json.dumps([project.pk, project.images.earliest('pk').pk,"
        " project.labels.earliest('pk').pk]))"
    )
    assert isinstance(made, list)
    project, image, label = made
    path = f"/labeling/projects/{project}/"
    return [
        *(path + rest for rest in OF_PROJECT),
        f"{path}labels/{label}/schema/",
        f"/labeling/images/{image}/history/",
    ]


@pytest.fixture(scope="module")
def target_paths(stack: Stack) -> list[str]:
    """Deployments elsewhere: planned, not as planned, failed."""
    made = stack.python(PLANNED)
    assert isinstance(made, dict)
    return [f"/deployments/targets/{pk}/" for pk in made.values()]


def opened(browser: Browser, stack: Stack, state: Any) -> Iterator[Page]:
    # axe-core itself writes style attributes: this context alone may.
    context = browser.new_context(
        base_url=stack.url,
        storage_state=state,
        bypass_csp=True,
        reduced_motion="reduce",  # colours change at once with the theme
    )
    context.add_init_script(path=AXE)
    yield context.new_page()
    with closed_in_time():
        context.close()


@pytest.fixture
def visitor(browser: Browser, stack: Stack) -> Iterator[Page]:
    yield from opened(browser, stack, None)


@pytest.fixture
def member(browser: Browser, stack: Stack, signed_in: Any) -> Iterator[Page]:
    yield from opened(browser, stack, signed_in)


def looks(page: Page) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Show the open page in three of four ways, each with the rules to look by.

    Contrast depends on the theme alone.
    """
    for (width, height), theme, rules in LOOKS:
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        yield f"{theme}, {width} px", rules


def findings(page: Page, paths: list[str]) -> dict[tuple[str, str], object]:
    found: dict[tuple[str, str], object] = {}
    for path in paths:
        page.goto(path)
        for look, rules in looks(page):
            wrong = page.evaluate(RUN, rules)
            root = "document.documentElement"
            cut_off = page.evaluate(f"{root}.scrollWidth - {root}.clientWidth")
            if wrong or cut_off > 0:
                found[path, look] = {"axe": wrong, "pixels beyond the edge": cut_off}
    return found


needs_axe = pytest.mark.skipif(
    not AXE.exists(), reason="axe-core is not installed: npm ci in static/"
)


@needs_axe
def test_a_visitors_pages_are_sound(visitor: Page) -> None:
    assert findings(visitor, VISITOR) == {}


@needs_axe
def test_a_members_pages_are_sound(
    member: Page, project_paths: list[str], target_paths: list[str]
) -> None:
    paths = MEMBER + project_paths + target_paths

    assert findings(member, paths) == {}


@needs_axe
def test_open_menus_and_dialogs_are_sound(member: Page) -> None:
    member.goto("/")
    wrong: dict[tuple[str, str], object] = {}
    for look, rules in looks(member):
        for opener in ("[popovertarget=person]", "[popovertarget=news]"):
            member.click(opener)
            member.wait_for_function("!document.querySelector('.htmx-request')")
            wrong[opener, look] = member.evaluate(RUN, rules)
            member.keyboard.press("Escape")
        member.keyboard.press("/")
        member.wait_for_selector("dialog.palette[open]")
        wrong["palette", look] = member.evaluate(RUN, rules)
        member.keyboard.press("Escape")

    assert len(wrong) == 3 * len(LOOKS)
    assert {where: found for where, found in wrong.items() if found} == {}


def test_the_menu_works_by_keyboard_alone(admin_page: Page) -> None:
    admin_page.goto("/")
    admin_page.keyboard.press("Tab")
    assert admin_page.evaluate("document.activeElement.className") == "skip"
    admin_page.keyboard.press("Enter")
    assert admin_page.evaluate("document.activeElement.id") == "main"

    admin_page.keyboard.press("/")
    admin_page.keyboard.type("audit")
    admin_page.keyboard.press("Enter")

    admin_page.wait_for_url("**/settings/audit/")


def test_theme_and_rail_stay_as_they_were_left(admin_page: Page) -> None:
    admin_page.goto("/jobs/")
    admin_page.click("[popovertarget=person]")
    admin_page.click("[data-theme-toggle]")
    admin_page.keyboard.press("Escape")
    admin_page.click("[data-rail-toggle]")

    admin_page.goto("/labeling/")

    root = admin_page.locator("html")
    assert root.get_attribute("data-theme") == "light"
    assert root.get_attribute("data-rail") == "folded"
