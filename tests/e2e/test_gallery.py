"""A list of many images: jumped through by number, name and key, ticked, kept as a view."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.stack import EMAIL, Stack

NUM = 2000
LOST = (
    "No image in this list has that number or name: check the spelling, or take a "
    "filter away."
)
MANY = f"""
import hashlib, json
from apps.accounts.models import User
from apps.labeling.models import Image, Project
from apps.labeling.services.projects import create_project
admin = User.objects.get(email="{EMAIL}")
one = Image.objects.earliest("pk")
project = create_project(user=admin, workspace_id=one.project.workspace_id,
                         name="Many", labels=["scratch"])
images = []
for number in range(1, {NUM} + 1):
    fields = {{name: getattr(one, name) for name in (
        "size_bytes", "media_type", "shown_sha256", "shown_media_type",
        "shown_size_bytes", "thumbnail_sha256", "thumbnail_size_bytes", "width",
        "height")}}
    images.append(Image(project=project, created_by=admin, name=f"plate-{{number:04}}.jpg",
                        sha256=hashlib.sha256(str(number).encode()).hexdigest(), **fields))
Image.objects.bulk_create(images)
print(json.dumps(project.pk))
"""

VERSION = f"""
from apps.accounts.models import User
from apps.labeling.services.versions import make_version
made = make_version(user=User.objects.get(email="{EMAIL}"), project_id={{project}},
                    only_submitted=False)
print(made.id)
"""


@pytest.fixture
def many(stack: Stack) -> int:
    made = stack.python(MANY)
    assert isinstance(made, int)
    return made


def test_two_thousand_images_by_number_name_and_key(admin_page: Page, many: int):
    page = admin_page
    page.goto(f"/labeling/projects/{many}/images/")
    cards = page.locator(".cards > li")
    focused = page.locator(".image-card:focus")
    chosen = page.locator("[data-num-chosen]")
    field = page.get_by_label("Go to number or name")
    page.get_by_label("Choose plate-0002.jpg").check(force=True)
    page.keyboard.press("Enter")
    expect(chosen).to_have_text("1")

    page.keyboard.press("g")
    page.keyboard.type("plate-1500")
    page.keyboard.press("Enter")
    expect(focused).to_contain_text("plate-1500.jpg")
    expect(focused).to_be_in_viewport()
    expect(page.get_by_text("plate-0002.jpg")).to_have_count(0)
    assert cards.count() < 250
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    expect(focused).to_contain_text("plate-1501.jpg")
    page.keyboard.press("x")
    expect(chosen).to_have_text("3")
    page.keyboard.press("End")
    expect(focused).to_contain_text(f"plate-{NUM}.jpg")
    page.keyboard.press("Home")
    expect(focused).to_contain_text("plate-0001.jpg")
    expect(page.get_by_label("Choose plate-0002.jpg")).to_be_checked()

    field.fill("zebra")
    field.press("Enter")
    expect(field).to_have_js_property("validationMessage", LOST)
    field.fill("1499")
    field.press("Enter")
    expect(focused).to_contain_text("plate-1499.jpg")
    expect(page).to_have_url(re.compile(r"[?&]at=1\d\d\d"))
    page.reload()
    again = page.locator(".image-card", has_text="plate-1499.jpg")
    expect(again).to_be_in_viewport()


def test_what_was_ticked_far_apart_is_submitted_and_kept_as_a_view(
    admin_page: Page, many: int
):
    page = admin_page
    page.goto(f"/labeling/projects/{many}/images/")
    page.get_by_label("Choose plate-0002.jpg").check(force=True)
    page.evaluate("scrollTo(0, document.body.scrollHeight / 2)")
    middle = page.locator(".cards > li", has_text="plate-1000.jpg")
    expect(middle).to_be_attached()
    middle.locator("input").check(force=True)
    expect(page.get_by_role("button", name="Find a model")).to_be_disabled()
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_text("2 images changed.")).to_be_visible()

    page.get_by_role("link", name=re.compile("^Submitted 2")).click()
    expect(page.locator(".image-card")).to_have_count(2)
    page.get_by_role("button", name="Save this view").click()
    dialog = page.get_by_role("dialog", name="Save this view")
    dialog.get_by_label("Name").fill("Handed in")
    dialog.get_by_role("button", name="Save").click()
    page.goto(f"/labeling/projects/{many}/images/")
    views = page.get_by_role("navigation", name="Saved views")
    views.get_by_role("link", name="Handed in").click()
    expect(page.locator(".image-card")).to_have_count(2)
    views.get_by_role("button", name="Delete the view Handed in").click()
    expect(page.get_by_text("The view is deleted; its images are not.")).to_be_visible()
    expect(views).to_have_count(0)


def test_a_model_is_looked_for_by_what_was_ticked(
    admin_page: Page, stack: Stack, many: int
):
    stack.python(VERSION.format(project=many))
    page = admin_page
    page.goto(f"/labeling/projects/{many}/images/")
    find = page.get_by_role("button", name="Find a model")
    focused = page.locator(".image-card:focus")
    page.get_by_label("Choose plate-0001.jpg").check(force=True)
    for number in range(2, 21):
        page.keyboard.press("ArrowRight")
        expect(focused).to_contain_text(f"plate-{number:04}.jpg")
        expect(find).to_be_disabled()
        page.keyboard.press("x")
    find.click()

    expect(page.get_by_text("20 images were chosen in the gallery.")).to_be_visible()
    expect(page.get_by_label("Data").locator("option")).to_have_text(["Many v1"])
    page.get_by_role("button", name="Find models").click()
    expect(page.get_by_role("alert")).to_have_text(
        "of the 20 chosen images, 0 are labeled images of version 1: choose among those"
    )
    expect(page.get_by_text("20 images were chosen in the gallery.")).to_be_visible()
