"""The whole errand through REST with a token: real processes, a real detector."""

import io
import json
import subprocess
import sys
import uuid
import zipfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pycocotools.coco import COCO

from dsportal.client import Client, cli
from tests.stack import Stack

NUM_IMAGES = 4
MAKE_TOKEN = """
import json
from apps.accounts.models import User
from apps.accounts.services import create_token
from apps.accounts.types import Scope
user = User.objects.get(is_superuser=True)
print(json.dumps(create_token(user=user, name="errand", scope=Scope.WRITE)[1]))
"""


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("line")
    command = [
        sys.executable, "-m", "deepseek_vision", "generate", "--kind",
        "production-line", "--num", str(NUM_IMAGES), "--seed", "11",
        "--out", str(folder),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    content = json.loads((folder / "annotations.json").read_text())
    return {**content, "folder": folder / "images"}


def taken_over(prediction: dict[str, Any]) -> dict[str, Any]:
    shape = {
        "id": str(uuid.uuid4()),
        "label_id": prediction["label_id"],
        "kind": "box",
        "bbox": prediction["bbox"],
        "source": "prediction",
        "score": prediction["score"],
    }
    return {"op": "put", "annotation": shape}


def overlap(one: list[float], other: list[float]) -> float:
    """Intersection over union of two COCO boxes."""
    x1, y1 = max(one[0], other[0]), max(one[1], other[1])
    x2 = min(one[0] + one[2], other[0] + other[2])
    y2 = min(one[1] + one[3], other[1] + other[3])
    common = max(0.0, x2 - x1) * max(0.0, y2 - y1)
    return common / (one[2] * one[3] + other[2] * other[3] - common)


def test_from_a_token_to_a_coco_file(
    stack: Stack, truth: dict[str, Any], tmp_path: Path
):
    names = [row["name"] for row in truth["categories"]]
    with Client(stack.url, str(stack.python(MAKE_TOKEN))) as client:
        project = client.create_project("Errand", labels=names)
        sent = client.upload(project.id, [truth["folder"]])
        events = list(client.watch(client.prelabel(project.id)))
        saved = [label(client, one.image_id or 0) for one in sent]
        path = client.export(project.id, tmp_path / "coco.json", only_submitted=True)
        shown = client.import_annotations(project.id, path, is_dry_run=True)
        list(client.watch(shown))
        again = client.job(shown).result
        zipped = client.start_export(project.id, form="yolo-detect", with_images=True)
        list(client.watch(zipped))
        client.fetch_export(zipped, tmp_path / "yolo.zip")

    assert [one.error for one in sent] == [""] * NUM_IMAGES
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert sum(event.kind == "item" for event in events) == NUM_IMAGES
    assert events[-1].payload["status"] == "done"
    assert exported(path) == sorted(box for boxes in saved for box in boxes)
    assert found_share(path, truth) >= 0.8
    assert (again["added"], again["changed"]) == (0, 0)
    assert again["unchanged"] == sum(len(boxes) for boxes in saved)
    with zipfile.ZipFile(tmp_path / "yolo.zip") as file:
        assert sum(name.endswith(".txt") for name in file.namelist()) >= NUM_IMAGES


def test_a_zip_is_added_from_the_shell(
    stack: Stack, truth: dict[str, Any], tmp_path: Path
):
    zipped = tmp_path / "line.zip"
    with zipfile.ZipFile(zipped, "w") as file:
        for path in sorted(truth["folder"].iterdir()):
            file.write(path, f"monday/{path.name}")
        file.writestr("monday/broken.png", b"no image")
    token = str(stack.python(MAKE_TOKEN))
    env = {"DSPORTAL_URL": stack.url, "DSPORTAL_TOKEN": token}
    with Client(stack.url, token) as client:
        project = client.create_project("Zipped", labels=["scratch"])

        run = CliRunner().invoke(
            cli.main, ["add", str(project.id), str(zipped)], env=env
        )

        job = client.job(run.output.split()[1])
    assert run.exit_code == 0, run.output
    assert job.result["num_added"] == NUM_IMAGES
    assert job.result["num_failed"] == 1
    assert "monday/broken.png" in run.output


def label(client: Client, image_id: int) -> list[tuple[str, str, list[float]]]:
    """Take the model's proposals over, save, submit; returns what was saved."""
    document = client.document(image_id)
    name_of = {row["id"]: row["name"] for row in document["labels"]}
    sure = [row for row in document["predictions"] if row["score"] >= 0.4]
    if sure:
        revision = client.save(
            image_id, [taken_over(row) for row in sure], revision=document["revision"]
        )
        assert revision == document["revision"] + 1
    client.submit(image_id)
    return [
        (document["image"]["name"], name_of[row["label_id"]], row["bbox"])
        for row in sure
    ]


def exported(path: Path) -> list[tuple[str, str, list[float]]]:
    """Read the file as pycocotools does, corners again instead of sizes."""
    coco = opened(path)
    rows = []
    for row in coco.loadAnns(coco.getAnnIds()):
        x, y, width, height = row["bbox"]
        assert row["area"] == width * height
        image = coco.loadImgs(row["image_id"])[0]
        category = coco.loadCats(row["category_id"])[0]
        corners = [x, y, x + width, y + height]
        rows.append(
            (image["file_name"], category["name"], pytest.approx(corners, abs=1e-9))
        )
    assert len(coco.getImgIds()) == NUM_IMAGES
    return sorted(rows, key=lambda row: (row[0], row[1], row[2].expected))


def found_share(path: Path, truth: dict[str, Any]) -> float:
    """Of the defects that were drawn, how many have a box of their class on them."""
    coco = opened(path)
    rows = coco.loadImgs(coco.getImgIds())
    id_of = {Path(row["file_name"]).name: row["id"] for row in rows}
    names = {row["id"]: row["file_name"] for row in truth["images"]}
    classes = {row["id"]: row["name"] for row in truth["categories"]}
    num_found = 0
    for row in truth["annotations"]:
        same = coco.getAnnIds(
            imgIds=id_of[names[row["image_id"]]],
            catIds=coco.getCatIds(catNms=[classes[row["category_id"]]]),
        )
        boxes = [one["bbox"] for one in coco.loadAnns(same)]
        num_found += any(overlap(row["bbox"], box) >= 0.5 for box in boxes)
    return num_found / len(truth["annotations"])


def opened(path: Path) -> COCO:
    with redirect_stdout(io.StringIO()):
        return COCO(str(path))
