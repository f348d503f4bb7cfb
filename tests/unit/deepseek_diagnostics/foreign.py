"""A small detector of another format that really looks: red cells are cats, green dogs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper
from PIL import Image

from tests.unit.model_server.graphs import save, tensor

SIDE, CELL = 64, 8
CLASSES = ("cat", "dog")
COLOURS = ((230, 20, 20), (20, 230, 20))
Place = tuple[int, int, int]


def write_detector(folder: Path, **config: Any) -> Path:
    """YOLOX's outputs: an object of one cell wherever a cell has its colour."""
    num = (SIDE // CELL) ** 2
    colours = np.array([[1, -1, -1], [-1, 1, -1]], np.float32)
    kernel = np.repeat(colours[..., None], CELL * CELL, axis=2) / CELL**2
    nodes = [
        helper.make_node(
            "Conv", ["image", "kernel"], ["colour"], "see", strides=[CELL, CELL]
        ),
        helper.make_node("Clip", ["colour", "nothing", "all"], ["sure"]),
        helper.make_node("Reshape", ["sure", "flat"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["scores"], perm=[0, 2, 1]),
        helper.make_node("Concat", ["cell", "scores"], ["out"], axis=2),
    ]
    save(
        folder,
        nodes,
        [tensor("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [tensor("out", TensorProto.FLOAT, [1, num, 7])],
        kernel=kernel.reshape(2, 3, CELL, CELL),
        nothing=np.array(0, np.float32),
        all=np.array(1, np.float32),
        flat=np.array([1, 2, num], np.int64),
        cell=np.tile(np.array([0.5, 0.5, 0, 0, 1], np.float32), (1, num, 1)),
    )
    return write_config(
        folder, decode={"kind": "yolox", "strides": [CELL]}, score_threshold=0.3, **config
    )  # fmt: skip


def write_segmenter(folder: Path) -> Path:
    """Each pixel's class by its colour; what has neither is nothing."""
    kernel = np.array([[0, 0, 0], [1, -1, -1], [-1, 1, -1]], np.float32)
    save(
        folder,
        [helper.make_node("Conv", ["image", "kernel"], ["logits"])],
        [tensor("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [tensor("logits", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        kernel=kernel.reshape(3, 3, 1, 1),
    )
    return write_config(
        folder, decode={"kind": "segments"}, classes=["nothing", *CLASSES]
    )


def write_config(folder: Path, **config: Any) -> Path:
    wire = {
        "format": "onnx-vision",
        "name": folder.name,
        "classes": list(CLASSES),
        "input": {"width": SIDE, "height": SIDE, "scale": 1 / 255},
        **config,
    }
    (folder / "config.json").write_text(json.dumps(wire))
    return folder


def write_pictures(
    folder: Path, pictures: list[list[Place]], *, unlabeled: int = -1
) -> Path:
    """Grey pictures with cells of colour, twice as large as the model sees them.

    Args:
        folder: A data folder to be.
        pictures: Of each the class, column and row of its cells.
        unlabeled: The number of an object that nobody labeled.
    """
    (folder / "images").mkdir(parents=True)
    images, rows = [], []
    scale = 2 * CELL
    for number, places in enumerate(pictures):
        pixels = np.full((2 * SIDE, 2 * SIDE, 3), 90, np.uint8)
        for label, column, row in places:
            x, y = column * scale, row * scale
            pixels[y : y + scale, x : x + scale] = COLOURS[label]
            rows.append(
                {
                    "id": len(rows), "image_id": number, "category_id": label,
                    "bbox": [x, y, scale, scale], "iscrowd": 0, "area": scale**2,
                    "attributes": {"id": f"object-{len(rows)}"},
                }
            )  # fmt: skip
        name = f"{number}.png"
        Image.fromarray(pixels).save(folder / "images" / name)
        images.append(
            {
                "id": number, "file_name": name, "width": 2 * SIDE, "height": 2 * SIDE,
                "split": "val",
            }
        )  # fmt: skip
    coco = {
        "images": images,
        "categories": [{"id": n, "name": name} for n, name in enumerate(CLASSES)],
        "annotations": [row for row in rows if row["id"] != unlabeled],
    }
    (folder / "annotations.json").write_text(json.dumps(coco))
    return folder
