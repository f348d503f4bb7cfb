"""Two versions that went apart: looked at, merged by a rule, taken over."""

import re

from playwright.sync_api import Page, expect

from tests.stack import EMAIL, Stack

PARTED = f"""
import json
from uuid import uuid4
from apps.accounts.models import User
from apps.labeling.models import Annotation, Image, Project
from apps.labeling.services.projects import create_project
from apps.labeling.services.restoring_versions import restore_version
from apps.labeling.services.versions import make_version
admin = User.objects.get(email="{EMAIL}")
demo = list(Image.objects.filter(project=Project.objects.earliest("pk")).order_by("pk")[:6])
project = create_project(user=admin, workspace_id=demo[0].project.workspace_id,
                         name="Parted", labels=["scratch"])
label = project.labels.get()
images = []
for one in demo:
    one.pk = None
    one._state.adding = True
    one.project, one.state, one.num_annotations = project, "submitted", 0
    one.save()
    images.append(one)
def box(image, x1):
    Annotation.objects.create(image=image, uid=uuid4(), label=label, kind="box",
        x1=x1, y1=20, x2=x1 + 40, y2=70, created_by=admin, updated_by=admin)
def frozen(note):
    return make_version(user=admin, project_id=project.pk, note=note)
for image in images:
    box(image, 5)
first = frozen("Before the audit")
for image in images[:3]:
    box(image, 60)
frozen("By the night shift")
restore_version(user=admin, version_id=first.id)
for image in images[2:4]:
    box(image, 120)
frozen("By the day shift")
print(json.dumps([project.pk, first.id]))
"""


def test_two_versions_are_merged_by_a_rule_and_taken_over(
    admin_page: Page, stack: Stack
):
    page = admin_page
    project, _first = stack.python(PARTED)
    page.goto(f"/labeling/projects/{project}/versions/")

    card = page.get_by_role("region", name="Merge two versions")
    card.get_by_role("button", name="Preview").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Merge version 2 into version 3")
    for name, num in {
        "Equal in both": 2,
        "Changed by version 3 alone": 1,
        "Changed by version 2 alone": 2,
        "In conflict": 1,
    }.items():
        row = page.get_by_role("row", name=re.compile(f"^{name}"))
        expect(row.get_by_role("cell").first).to_have_text(str(num))
    expect(page.locator(".cards .overlay .came")).to_have_count(1)
    rule = page.get_by_role("radio", name="Objects of both")
    rule.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="As in version 3")).to_be_checked()
    page.keyboard.press("ArrowUp")
    expect(rule).to_be_checked()
    page.get_by_label("Note").fill("Both shifts")
    page.keyboard.press("Enter")

    expect(heading).to_have_text("Version 4")
    facts = page.locator(".facts")
    expect(facts).to_contain_text("Version 2 into Version 3")
    expect(facts).to_contain_text("Objects of both")
    page.get_by_role("button", name="Restore").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    expect(page.get_by_text("3 images restored.")).to_be_visible()
    expect(page.get_by_text("Version 2 merged into version 3")).to_be_visible()
