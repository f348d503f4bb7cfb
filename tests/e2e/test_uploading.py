"""Folders into a project: dropped, chosen, broken off and gone on with."""

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Request, Route, expect

from tests.e2e.test_errand import LONG_MS
from tests.stack import EMAIL, Stack

PROJECT = f"""
from apps.accounts.models import User
from apps.labeling.models import Image
from apps.labeling.services.projects import create_project
admin = User.objects.get(email="{EMAIL}")
workspace = Image.objects.earliest("pk").project.workspace_id
print(create_project(user=admin, workspace_id=workspace, name="Folders",
                     labels=["scratch"]).pk)
"""
NAMES = """
import json
from apps.labeling.models import Image
print(json.dumps(list(Image.objects.filter(project_id={project})
                      .order_by("name").values_list("name", flat=True))))
"""
# A drop of a folder cannot be made from outside the browser: this hands the page what
# a browser hands it, entries of a folder that give two files at a time.
DROP = """
async (form, pictures) => {
  const entry = (path, bytes) => ({
    isDirectory: false, fullPath: path,
    file: (done) => done(new File([Uint8Array.from(bytes)], path.split("/").at(-1),
      { type: path.endsWith(".png") ? "image/png" : "text/plain" })),
  });
  const files = pictures.map(([path, bytes]) => entry(path, bytes));
  const folder = { isDirectory: true, fullPath: "/shots", createReader: () => {
    let at = 0;
    return { readEntries: (done) => done(files.slice(at, at += 2)) };
  } };
  const drop = new Event("drop", { bubbles: true, cancelable: true });
  drop.dataTransfer = { files: [], items: [{ webkitGetAsEntry: () => folder }] };
  form.dispatchEvent(drop);
}
"""


@pytest.fixture
def project(stack: Stack) -> int:
    made = stack.python(PROJECT)
    assert isinstance(made, int)
    return made


def folder_of(where: Path, num: int) -> Path:
    shots = where / "shots"
    for number in range(num):
        path = shots / "line" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48), (number, 90, 200)).save(path)
    (shots / "notes.txt").write_text("not a picture")
    return shots


def sent_by(page: Page) -> list[Request]:
    sent: list[Request] = []
    page.on(
        "request",
        lambda request: (
            sent.append(request)
            if request.method == "POST" and re.search(r"/images/$", request.url)
            else None
        ),
    )
    return sent


def test_a_chosen_folder_goes_on_where_it_broke_off(
    admin_page: Page, stack: Stack, project: int, tmp_path: Path
):
    page, shots = admin_page, folder_of(tmp_path, 6)
    sent = sent_by(page)

    def lose(route: Route) -> None:
        if len(sent) >= 3:
            route.abort()
        else:
            route.continue_()

    page.goto(f"/labeling/projects/{project}/")
    page.route("**/images/**", lose)
    page.locator("#upload-folder").set_input_files(shots)
    status = page.locator("[data-upload-status]")
    expect(status).to_contain_text("No connection", timeout=LONG_MS)
    page.unroute("**/images/**")
    expect(status).to_have_text("6 / 6", timeout=LONG_MS)
    assert stack.python(NAMES.format(project=project)) == [
        f"shots/line/{number}.png" for number in range(6)
    ]

    sent.clear()
    Image.new("RGB", (64, 48), (200, 9, 9)).save(shots / "line" / "6.png")
    page.goto(f"/labeling/projects/{project}/")
    page.locator("#upload-folder").set_input_files(shots)
    expect(status).to_have_text("7 / 7", timeout=LONG_MS)
    assert len(sent) == 1


def test_a_dropped_folder_and_what_is_chosen_meanwhile(
    admin_page: Page, stack: Stack, project: int, tmp_path: Path
):
    page, shots = admin_page, folder_of(tmp_path, 5)
    files = sorted(path for path in shots.rglob("*") if path.is_file())
    content = [
        [f"/{path.relative_to(tmp_path).as_posix()}", list(path.read_bytes())]
        for path in files
    ]
    later = tmp_path / "later.png"
    Image.new("RGB", (64, 48), (1, 2, 3)).save(later)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG no")
    page.goto(f"/labeling/projects/{project}/")

    page.locator("#upload-form").evaluate(DROP, content)
    page.locator("#upload-files").set_input_files([later, broken])

    expect(page.locator("[data-upload-errors]")).to_contain_text(
        "broken.png", timeout=LONG_MS
    )
    expect(page.locator("[data-upload-status]")).to_have_text("1 / 2")
    assert stack.python(NAMES.format(project=project)) == [
        "later.png",
        *(f"shots/line/{number}.png" for number in range(5)),
    ]
    expect(page.locator("#upload-form[data-busy]")).to_have_count(0)
