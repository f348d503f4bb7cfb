"""A model outlines cells; a person takes one over, mends it, and refuses another."""

import base64
import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.cells import CELLS, draw_cells
from tests.e2e.test_errand import LONG_MS, at, saved
from tests.stack import Stack

CELLS_PROJECT = """
import base64, io, json
from apps.labeling.models import Project
from apps.labeling.services.images import add_image
from apps.labeling.services.projects import create_project
first = Project.objects.earliest("pk")
admin = first.created_by
project = create_project(
    user=admin, workspace_id=first.workspace_id, name="Cells", labels=["nucleus"])
image, _is_new = add_image(user=admin, project_id=project.pk, name="cells.png",
                  file=io.BytesIO(base64.b64decode("{png}")))
print(json.dumps([project.pk, image.pk]))
"""


@pytest.fixture
def cells(stack: Stack) -> list[int]:
    png = base64.b64encode(draw_cells()).decode()
    made = stack.python(CELLS_PROJECT.format(png=png))
    assert isinstance(made, list)
    return made


def read(page: Page, image_id: int) -> dict[str, Any]:
    answer = page.request.get(f"/api/v1/labeling/images/{image_id}/document/")
    assert answer.ok
    content: dict[str, Any] = json.loads(answer.text())
    return content


def test_outlines_are_proposed_accepted_mended_and_refused(
    admin_page: Page, cells: list[int]
):
    page, (project_id, image_id) = admin_page, cells
    page.goto(f"/labeling/projects/{project_id}/")
    model = page.get_by_label("Model", exact=True)
    expect(model.locator("option:checked")).to_contain_text("outlines")
    page.get_by_role("button", name="Pre-label").click()
    bar = page.locator("[data-job-progress]")
    expect(bar).to_be_visible()
    expect(bar).to_be_hidden(timeout=LONG_MS)
    proposed = read(page, image_id)["predictions"]
    assert len(proposed) == len(CELLS)
    assert {one["kind"] for one in proposed} == {"polygon"}

    page.goto(f"/labeling/images/{image_id}/")
    expect(page.locator("#editor[data-loading]")).to_have_count(0)
    expect(page.locator("[data-proposals-open]")).to_have_text("8 / 8")
    page.keyboard.press("w")
    page.keyboard.press("a")
    saved(page)
    best = max(proposed, key=lambda one: one["score"])
    (taken,) = read(page, image_id)["annotations"]
    assert (taken["id"], taken["source"]) == (best["id"], "prediction")
    assert taken["geometry"] == best["geometry"]

    # The nearest corner of what was just taken over comes to the pointer.
    stage = page.locator("[data-stage]")
    page.mouse.move(*at(stage, 0.5, 0.5))
    page.keyboard.press("`")
    page.mouse.click(*at(stage, 0.52, 0.52))
    saved(page)
    (mended,) = read(page, image_id)["annotations"]
    moved = [
        old != new
        for old, new in zip(
            taken["geometry"]["points"], mended["geometry"]["points"], strict=True
        )
    ]
    assert sum(moved) == 1

    page.keyboard.press("w")
    page.keyboard.press("x")
    expect(page.locator("[data-proposals-open]")).to_have_text("6 / 8")
    page.keyboard.press("Shift+a")
    saved(page)
    page.reload()
    expect(page.locator("#editor[data-loading]")).to_have_count(0)
    said = read(page, image_id)
    assert len(said["annotations"]) == 7
    assert sum(one["is_rejected"] for one in said["predictions"]) == 1
