"""Real data with planted faults, for the benchmarks of diagnostics."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(os.environ.get("BENCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """Annotations with faults, and where they are.

    Attributes:
        missing: Image and box of each object that was taken away.
        wrong: Ids of those given another class; ``moved`` of those shifted.
    """

    folder: Path
    missing: tuple[tuple[int, tuple[float, ...]], ...]
    wrong: frozenset[str]
    moved: frozenset[str]


def subset(name: str, folder: Path, *, splits: Sequence[str], num: int) -> Path:
    """The first so many images of some splits, as a data folder of its own."""
    source = DATA / name
    coco = json.loads((source / "annotations.json").read_text())
    images = [row for row in coco["images"] if row["split"] in splits][:num]
    kept = {row["id"] for row in images}
    rows = [dict(row) for row in coco["annotations"] if row["image_id"] in kept]
    for number, row in enumerate(rows):
        row["attributes"] = {"id": f"object-{number}"}
    folder.mkdir(parents=True)
    (folder / "images").symlink_to(source / "images")
    (folder / "annotations.json").write_text(
        json.dumps({**coco, "images": images, "annotations": rows})
    )
    return folder


def plant(folder: Path, target: Path, *, seed: int) -> Planted:
    """Spoil 5 % of the labels in each of three ways: gone, another class, shifted."""
    coco = json.loads((folder / "annotations.json").read_text())
    rng = np.random.default_rng(seed)
    sound = [n for n, row in enumerate(coco["annotations"]) if not _is_ignored(row)]
    num = round(SHARE * len(sound))
    chosen = rng.permutation(sound)[: 3 * num].tolist()
    gone, wrong, moved = set(chosen[:num]), chosen[num : 2 * num], chosen[2 * num :]
    classes = [row["id"] for row in coco["categories"]]
    rows = coco["annotations"]
    for number in wrong:
        others = [one for one in classes if one != rows[number]["category_id"]]
        rows[number]["category_id"] = int(rng.choice(others))
    for number in moved:
        x, y, width, height = rows[number]["bbox"]
        angle = rng.uniform(0, 2 * np.pi)
        shift = 0.4 * np.array([width * np.cos(angle), height * np.sin(angle)])
        rows[number]["bbox"] = [x + shift[0], y + shift[1], width, height]
    missing = tuple((rows[n]["image_id"], _corners(rows[n])) for n in sorted(gone))
    target.mkdir(parents=True)
    (target / "images").symlink_to((folder / "images").resolve())
    coco["annotations"] = [row for n, row in enumerate(rows) if n not in gone]
    (target / "annotations.json").write_text(json.dumps(coco))
    return Planted(
        folder=target,
        missing=missing,
        wrong=frozenset(f"object-{n}" for n in wrong),
        moved=frozenset(f"object-{n}" for n in moved),
    )


def _is_ignored(row: dict[str, Any]) -> bool:
    return bool(row.get("iscrowd") or row.get("difficult"))


def _corners(row: dict[str, Any]) -> tuple[float, ...]:
    x, y, width, height = row["bbox"]
    return x, y, x + width, y + height


def has_foreign_detector(folder: Path) -> bool:
    """Lay PicoDet-S out as a model of another format; False where its file is absent."""
    weights = DATA.parent / "weights" / "picodet" / "picodet_s_416_coco.onnx"
    if not weights.exists():
        return False
    coco = json.loads((DATA / "coco256_80" / "annotations.json").read_text())
    rows = sorted(coco["categories"], key=lambda row: row["id"])
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "format": "onnx-vision", "name": "picodet_s_416",
        "classes": [row["name"] for row in rows],
        "input": {
            "width": 416, "height": 416,
            "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375],
        },
        "decode": {"kind": "picodet", "strides": [8, 16, 32, 64]},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    if not (folder / "model.onnx").exists():
        (folder / "model.onnx").symlink_to(weights)
    return True
