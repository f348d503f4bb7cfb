"""Label Studio and this portal, one after the other: creation, list, export."""

import io
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from tests.bench.big_project import job_s
from tests.bench.portal import signed_in
from tests.bench.rows import Row

SCRIPTS = Path(__file__).resolve().parents[3] / "shared" / "peer"
# A virtual environment of its own with label-studio, psutil and requests.
PEER = Path(os.environ.get("LABEL_STUDIO_VENV", "/nowhere"))
NUM_IMAGES = int(os.environ.get("BENCH_PEER_IMAGES", "1000"))
NUM_BOXES, NUM_LISTED = 10, 100
SIDES = (320, 240)
CLASSES = ["car", "person", "dog", "sign", "bike"]
SECTIONS = "import,list,export"
CREATION = "creation with images (it keeps their addresses alone)"


def measure() -> Iterator[Row]:
    if not SCRIPTS.is_dir() or not (PEER / "bin" / "label-studio").exists():
        sys.stderr.write(
            "skipped: it takes ../shared/peer and LABEL_STUDIO_VENV, a virtual "
            "environment with label-studio\n"
        )
        return
    theirs = _label_studio()
    with signed_in() as (_running, client):
        ours = _portal(client)
    size = f"{NUM_IMAGES:,} images, {NUM_IMAGES * NUM_BOXES:,} boxes"
    for what, here in ours.items():
        there = theirs[what]
        yield Row(what=f"{what}, {size}: here", value=here, unit="s")
        yield Row(what=f"{what}, {size}: Label Studio", value=there, unit="s")
        # It keeps addresses of images; here they are stored, opened and made small.
        goal = None if what == CREATION else 1
        yield Row(what=f"{what}: Label Studio's time over ours", value=there / here,
                  unit="x", goal=goal, is_more_better=True)  # fmt: skip


def _label_studio() -> dict[str, float]:
    """Its SQLite server by the scripts that measure it; seconds."""
    with tempfile.TemporaryDirectory(prefix="dsp-peer-") as folder:
        for script in SCRIPTS.glob("*.py"):
            (Path(folder) / script.name).write_bytes(script.read_bytes())
        subprocess.run(
            [
                PEER / "bin" / "python", "bench_ls.py", "--sections", SECTIONS,
                "--tasks", str(NUM_IMAGES), "--reps", "1", "--list-step", "1",
                "--export-reps", "1", "--export-projects", "1", "--out", "out.json",
            ],
            cwd=folder,
            env={**os.environ, "LS_VENV": str(PEER)},
            stdout=sys.stderr,
            check=True,
        )  # fmt: skip
        found: dict[str, Any] = json.loads((Path(folder) / "out.json").read_text())
    return {
        "annotations of known images": found["import_annotated"]["s"],
        CREATION: found["import_annotated"]["s"],
        f"list of {NUM_LISTED}, median": found["list_100_light"][0]["p50_ms"] / 1000,
        "COCO export": found["export_coco_all_annotated"][0]["s"],
    }


def _portal(client: httpx.Client) -> dict[str, float]:
    began = time.monotonic()
    workspace = client.get("/api/v1/accounts/workspaces/").json()["results"][0]["id"]
    body = {"workspace_id": workspace, "name": "Beside", "labels": CLASSES}
    made = client.post("/api/v1/labeling/projects/", json=body).json()
    path = f"/api/v1/labeling/projects/{made['id']}/"
    packed = {"file": ("a.zip", _pictures())}
    job_s(client, f"{path}gather/file/", files=packed)
    known_s = job_s(
        client,
        f"{path}imports/",
        data={"form": "coco"},
        files={"file": ("a.json", json.dumps(_annotations()))},
    )
    made_s = time.monotonic() - began
    listed_s = []
    url: str | None = f"{path}images/?page_size={NUM_LISTED}"
    while url:
        began = time.monotonic()
        answer = client.get(url).raise_for_status().json()
        listed_s.append(time.monotonic() - began)
        url = answer["next"]
    return {
        "annotations of known images": known_s,
        CREATION: made_s,
        f"list of {NUM_LISTED}, median": statistics.median(listed_s),
        "COCO export": job_s(client, f"{path}exports/", json={"form": "coco"}),
    }


def _pictures() -> bytes:
    """One colour each: all of them differ, and none is large."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as pack:
        for number in range(NUM_IMAGES):
            picture = io.BytesIO()
            color = (number % 256, number // 256, 90)
            Image.new("RGB", SIDES, color).save(picture, "PNG")
            pack.writestr(f"{number:05}.png", picture.getvalue())
    return out.getvalue()


def _annotations() -> dict[str, Any]:
    rng = random.Random(1)
    width, height = SIDES
    return {
        "images": [
            {"id": n, "file_name": f"{n:05}.png", "width": width, "height": height}
            for n in range(NUM_IMAGES)
        ],
        "annotations": [
            {
                "id": NUM_BOXES * n + b,
                "image_id": n,
                "category_id": rng.randrange(len(CLASSES)),
                "bbox": [rng.randint(0, 200), rng.randint(0, 150), 60, 50],
            }
            for n in range(NUM_IMAGES)
            for b in range(NUM_BOXES)
        ],
        "categories": [{"id": n, "name": name} for n, name in enumerate(CLASSES)],
    }
