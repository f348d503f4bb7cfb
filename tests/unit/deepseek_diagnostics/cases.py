"""Cases whose answers are known: boxes are placed, not predicted."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.data import Boxes
from deepseek_diagnostics.graphs import layers_of
from deepseek_diagnostics.observing import Observations
from deepseek_diagnostics.spec import DiagnoseSpec

SIDE = 400
Row = tuple[int, int, float, tuple[float, float, float, float]]


def write_truth(
    folder: Path,
    objects: Sequence[Row],
    *,
    num_images: int,
    classes: Sequence[str] = ("cat", "dog", "bird"),
) -> Path:
    """COCO annotations of pictures that do not exist: nothing opens them."""
    folder.mkdir(parents=True, exist_ok=True)
    coco = {
        "images": [
            {
                "id": n + 1,
                "file_name": f"{n:064d}.jpg",
                "width": SIDE,
                "height": SIDE,
                "split": "val",
            }
            for n in range(num_images)
        ],
        "categories": [{"id": n + 1, "name": name} for n, name in enumerate(classes)],
        "annotations": [
            {
                "id": n + 1,
                "image_id": image + 1,
                "category_id": label + 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "iscrowd": int(crowd),
                "attributes": {"id": f"object-{n}"},
            }
            for n, (image, label, crowd, (x1, y1, x2, y2)) in enumerate(objects)
        ],
    }
    (folder / "annotations.json").write_text(json.dumps(coco))
    return folder


def placed(boxes: Sequence[Row]) -> Boxes:
    """Boxes as a model would give them: image, class, score, corners."""
    order = sorted(boxes, key=lambda row: (row[0], -row[2]))
    return Boxes(
        image_M=np.array([row[0] for row in order], np.int64),
        boxes_M4=np.array([row[3] for row in order], np.float64).reshape(-1, 4),
        scores_M=np.array([row[2] for row in order], np.float64),
        classes_M=np.array([row[1] for row in order], np.int64),
    )


def seen(
    boxes: Sequence[Row],
    *,
    num_images: int,
    classes: Sequence[str] = ("cat", "dog", "bird"),
    **more: Any,
) -> Observations:
    rng = np.random.default_rng(0)
    given = {
        "vectors_ID": rng.normal(size=(num_images, 8)),
        "statistics_IS": rng.normal(size=(num_images, 5)),
        "hashes_I": rng.integers(0, 2**63, num_images).astype(np.uint64),
    }
    return Observations(
        classes=tuple(classes), boxes=placed(boxes), weights="w", **{**given, **more}
    )


def case(
    folder: Path,
    objects: Sequence[Row],
    boxes: Sequence[Row],
    *,
    num_images: int,
    seen_more: dict[str, Any] | None = None,
    **spec: Any,
) -> Case:
    """A case whose predictions are given."""
    write_truth(folder, objects, num_images=num_images)
    made = Case(
        DiagnoseSpec(model="none", data=str(folder), out=str(folder / "out"), **spec),
        tell=lambda _num: None,
    )
    made.seen = seen(boxes, num_images=num_images, **(seen_more or {}))
    return made


def spoil(file: Path, change: Any) -> str:
    """Change the weights of the widest layer of a graph; returns its name."""
    model = onnx.load(file)
    node, weights = max(layers_of(model), key=lambda one: one[1].size)
    for value in model.graph.initializer:
        if value.name in node.input:
            array = change(numpy_helper.to_array(value).copy(), weights)
            value.CopyFrom(numpy_helper.from_array(array, value.name))
    onnx.save(model, file)
    return str(node.name)
