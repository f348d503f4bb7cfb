"""Measure a model on labeled images and see why it errs."""

import re

from playwright.sync_api import Page, expect

from tests.stack import Stack

LONG_MS = 180_000
FREEZE = """
from pathlib import Path
from tempfile import TemporaryDirectory
from apps.labeling.models import Project
from apps.labeling.services.versions import make_version
from apps.labeling.types import Shares
from tests.labeled import labeled_project
demo = Project.objects.get(name="Production line")
with TemporaryDirectory() as folder:
    project = labeled_project(demo.created_by, demo.workspace_id, Path(folder))
project.name = "Plates"
project.save()
print(make_version(user=project.created_by, project_id=project.pk,
                   shares=Shares(train=20, val=80)).id)
"""
TOOLS = {"quality", "threshold"}


def test_a_report_is_asked_for_and_read(admin_page: Page, stack: Stack):
    version = stack.python(FREEZE)
    page = admin_page
    page.get_by_role("link", name="Diagnose", exact=True).click()
    page.get_by_role("link", name="New report").first.click()
    page.get_by_label("Data", exact=True).select_option(str(version))
    model = page.locator("#id_model option", has_text="deepseek_vision_v2@")
    page.locator("#id_model").select_option(model.get_attribute("value"))
    for box in page.locator("input[name=tools]").all():
        box.set_checked(box.get_attribute("value") in TOOLS)
    expect(page.locator("#estimate")).to_contain_text("2 tools")
    page.get_by_role("button", name="Start the report").click()
    page.wait_for_url(re.compile(r"/diagnostics/reports/\d+/"))

    title = page.locator("#tool-title")
    expect(title).to_have_text(re.compile("How good is the model"), timeout=LONG_MS)
    expect(page.locator("chart-figure svg path").first).to_be_attached()
    page.locator(".tool-list a", has_text="Threshold").focus()
    page.keyboard.press("Enter")
    expect(title).to_have_text("From which score on should a box count?")
