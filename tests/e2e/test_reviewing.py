"""A reviewer sends an image back, its annotator reads why, and it is accepted at last."""

import pytest
from playwright.sync_api import Page, expect

from tests.stack import Stack

SUBMITTED = """
import json
from apps.labeling.models import Image, Project
from apps.labeling.services.images import submit_image
project = Project.objects.get(name="Production line")
Image.objects.filter(project=project).update(state="unlabeled", review="")
image = Image.objects.filter(project=project).earliest("pk")
submit_image(user=project.created_by, image_id=image.pk)
print(json.dumps([project.pk, image.pk]))
"""


@pytest.fixture
def submitted(stack: Stack) -> list[int]:
    made = stack.python(SUBMITTED)
    assert isinstance(made, list)
    return made


def test_an_image_goes_back_and_forth(admin_page: Page, submitted: list[int]):
    page, (project_id, image_id) = admin_page, submitted
    page.goto(f"/labeling/projects/{project_id}/")
    page.get_by_role("link", name="Review 1").click()
    page.wait_for_url(f"**/labeling/images/{image_id}/")
    panel = page.locator("[data-review]")
    panel.get_by_role("button", name="Send back").click()
    expect(page.locator("[data-notice]")).to_have_text("Say first what is to be done.")
    panel.get_by_label("Remark").fill("The scratch goes on to the edge.")
    panel.get_by_role("button", name="Send back").click()

    state = page.locator("[data-image-state]")
    expect(state).to_have_text("sent back")
    page.goto(f"/labeling/projects/{project_id}/next/")
    page.wait_for_url(f"**/labeling/images/{image_id}/")
    expect(panel.get_by_text("The scratch goes on to the edge.")).to_be_visible()
    panel.get_by_role("button", name="Settled").click()
    expect(panel.locator("[data-settled]")).to_have_count(1)
    page.get_by_role("button", name="Submit").click()
    expect(state).not_to_have_text("sent back")

    page.goto(f"/labeling/projects/{project_id}/next/?review")
    page.wait_for_url(f"**/labeling/images/{image_id}/")
    panel.get_by_role("button", name="Accept").click()
    expect(state).to_have_text("accepted")
    page.goto(f"/labeling/projects/{project_id}/images/?review=accepted")
    expect(page.locator("ul.cards > li")).to_have_count(1)
