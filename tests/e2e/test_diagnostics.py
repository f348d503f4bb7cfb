"""Measure a model on labeled images and see why it errs: in the browser, in a shell."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from deepseek_diagnostics.page import Cover, Thumbnail, write_page
from deepseek_diagnostics.result import (
    Evidence,
    Finding,
    Headline,
    Mark,
    Severity,
    ToolResult,
)
from tests.stack import Stack

LONG_MS = 180_000
FREEZE = """
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from apps.accounts.services import create_token
from apps.accounts.types import Scope
from apps.labeling.models import Project
from apps.labeling.services.versions import make_version
from apps.labeling.types import Shares
from tests.labeled import labeled_project
demo = Project.objects.get(name="Production line")
user = demo.created_by
with TemporaryDirectory() as folder:
    project = labeled_project(user, demo.workspace_id, Path(folder))
project.name = "Plates"
project.save()
version = make_version(user=user, project_id=project.pk, shares=Shares(train=20, val=80))
token = create_token(user=user, name="diagnose", scope=Scope.WRITE)[1]
print(json.dumps([version.id, token]))
"""
TOOLS = {"quality", "threshold"}


@pytest.fixture(scope="module")
def frozen(stack: Stack) -> tuple[int, str]:
    """A dataset version, and a token to measure with."""
    made = stack.python(FREEZE)
    assert isinstance(made, list)
    return made[0], made[1]


def test_a_report_is_asked_for_and_read(admin_page: Page, frozen: tuple[int, str]):
    page = admin_page
    page.get_by_role("link", name="Diagnose", exact=True).click()
    page.get_by_role("link", name="New report").first.click()
    page.get_by_label("Data", exact=True).select_option(str(frozen[0]))
    model = page.locator("#id_model option", has_text="deepseek_vision_v2@")
    page.locator("#id_model").select_option(model.get_attribute("value"))
    page.get_by_role("button", name="Match the classes").click()
    first = page.locator("#match select").first
    expect(first).not_to_have_value("")
    page.keyboard.press("Escape")
    for box in page.locator("input[name=tools]").all():
        box.set_checked(box.get_attribute("value") in TOOLS)
    expect(page.locator("#estimate")).to_contain_text("2 tools")
    page.get_by_role("button", name="Start the report").click()
    page.wait_for_url(re.compile(r"/diagnostics/reports/\d+/"))

    title = page.locator("#tool-title")
    expect(title).to_have_text(re.compile("How good is the model"), timeout=LONG_MS)
    chart = page.locator("chart-figure").nth(1)
    chart.get_by_role("slider").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(chart.locator("[data-chart=behind] a").first).to_have_attribute(
        "href", re.compile(r"/labeling/images/\d+/")
    )
    page.keyboard.press("Escape")
    expect(chart.locator("[data-chart=behind]")).to_be_hidden()
    expect(chart.get_by_role("slider")).to_be_focused()
    page.locator(".tool-list a", has_text="Threshold").focus()
    page.keyboard.press("Enter")
    expect(title).to_have_text("From which score on should a box count?")


def test_the_shell_prints_the_summary_and_writes_one_page(
    stack: Stack, frozen: tuple[int, str], tmp_path: Path
):
    version, token = frozen
    page = tmp_path / "report.html"
    tools = [part for tool in sorted(TOOLS) for part in ("--tool", tool)]

    run = subprocess.run(
        [
            sys.executable, "-c", "from dsportal.client.cli import main; main()",
            "diagnose", "dsportal/deepseek_vision_v2", str(version), *tools,
            "--out", str(page),
        ],
        env={**stack.env, "DSPORTAL_URL": stack.url, "DSPORTAL_TOKEN": token},
        capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip

    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines if not line.startswith(" ")] == [
        "Quality", "Threshold and cost", f"wrote {page}",
    ]  # fmt: skip
    assert "AP " in lines[0]
    assert "data:image/jpeg;base64," in page.read_text(encoding="utf-8")


def test_the_page_that_is_carried_away_reads_on_a_phone_and_marks_its_pictures(
    browser: Browser, tmp_path: Path
):
    """A tall picture beside wide ones once stretched their boxes out of them."""
    sides = {1: (640, 480), 2: (300, 900)}
    marks = [Mark(kind="found", label="dent", bbox=(10, 10, 60, 60))]
    finding = Finding(
        code="quality.x",
        severity=Severity.WARN,
        text="So it is, and it takes a whole sentence to say what it is and why.",
        evidence=[Evidence(image=one, text="Look", marks=marks) for one in sides],
    )
    result = ToolResult(
        tool="quality",
        version=1,
        question="?",
        headline=Headline(name="AP", value=0.29, low=0.2, high=0.467),
        findings=[finding],
    )
    file = tmp_path / "report.html"
    file.write_text(
        write_page(
            Cover(title="demo/parts@0123456789ab · Production line v2"),
            [result],
            translate=lambda text: text,
            pictures=lambda image: thumbnail(*sides[image]),
        )
    )
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(file.as_uri())

    said = page.locator(".summary td").last.bounding_box()
    assert said
    assert said["width"] > 300
    for figure in page.locator("figure").all():
        picture = figure.locator("img").bounding_box()
        drawing = figure.locator("svg").bounding_box()
        assert picture
        assert drawing == pytest.approx(picture, abs=1)
    page.close()


def thumbnail(width: int, height: int) -> Thumbnail:
    file = io.BytesIO()
    Image.new("RGB", (width // 10, height // 10)).save(file, "JPEG")
    return Thumbnail(jpeg=file.getvalue(), width=width, height=height)
