# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""Writes a COCO data set of workpieces with defects, the same bytes for the same seed."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from deepseek_vision.boxes import iou_matrix
from deepseek_vision.synthetic.defects import BRUSHES, CLASS_NAMES, VISIBLE
from deepseek_vision.synthetic.surfaces import SURFACES, Array, Size, smooth_noise

SIZE: Size = (480, 640)
_TRIES = 12
_WORKPIECE = 0.26  # darker places are background or packages of chips


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A picture and the exact boxes (x1, y1, x2, y2 in pixels) of its defects."""

    picture_HW3: Array
    labels: tuple[str, ...]
    boxes_xyxy_N4: Array


def draw_scene(rng: np.random.Generator, *, size: Size = SIZE) -> Scene:
    picture = SURFACES[int(rng.integers(len(SURFACES)))](rng, size)
    labels: list[str] = []
    boxes: list[tuple[float, ...]] = []
    for _ in range(
        int(rng.choice([0, 1, 2, 3, 4, 5], p=[0.1, 0.2, 0.25, 0.2, 0.15, 0.1]))
    ):
        label = CLASS_NAMES[int(rng.integers(len(CLASS_NAMES)))]
        box = _add_defect(rng, picture, label, boxes)
        if box:
            labels.append(label)
            boxes.append(box)
    lit = _photograph(rng, picture)
    return Scene(
        picture_HW3=lit,
        labels=tuple(labels),
        boxes_xyxy_N4=np.array(boxes, np.float32).reshape(-1, 4),
    )


def _add_defect(
    rng: np.random.Generator,
    picture: Array,
    label: str,
    taken: list[tuple[float, ...]],
) -> tuple[float, ...] | None:
    """Draw one defect into `picture` clear of those in `taken`; None without room."""
    brush, short, long = BRUSHES[label]
    height, width = picture.shape[:2]
    for _ in range(_TRIES):
        sides = [int(rng.integers(*short)), int(rng.integers(*long))]
        if label not in {"scratch", "crack"} and rng.random() < 0.5:
            sides.reverse()
        h, w = sides
        top, left = int(rng.integers(0, height - h)), int(rng.integers(0, width - w))
        patch = picture[top : top + h, left : left + w]
        if np.median(patch.max(axis=2)) < _WORKPIECE:
            continue
        defect = brush(rng, patch)
        contrast = np.abs(defect.light_HW3 - patch).mean(axis=2) * defect.mask_HW
        seen = (defect.mask_HW >= VISIBLE) & (contrast >= 0.05)
        if seen.sum() < 0.7 * (defect.mask_HW >= VISIBLE).sum():
            continue
        box = _bounds(defect.mask_HW >= VISIBLE, top, left)
        others = np.array(taken, np.float32).reshape(-1, 4)
        if iou_matrix(np.array([box], np.float32), others).max(initial=0) > 0.05:
            continue
        mask = defect.mask_HW[..., None]
        patch[:] = np.clip(patch * (1 - mask) + defect.light_HW3 * mask, 0, 1)
        return box
    return None


def _bounds(is_on: np.ndarray, top: int, left: int) -> tuple[float, ...]:
    rows = np.flatnonzero(is_on.any(axis=1))
    columns = np.flatnonzero(is_on.any(axis=0))
    return (
        float(left + columns[0]),
        float(top + rows[0]),
        float(left + columns[-1] + 1),
        float(top + rows[-1] + 1),
    )


def _photograph(rng: np.random.Generator, picture: Array) -> Array:
    """Uneven light, white balance, exposure and sensor noise."""
    size = picture.shape[0], picture.shape[1]
    light = 1 + 0.18 * smooth_noise(rng, size, (2, 2))
    balance = rng.uniform(0.93, 1.07, 3).astype(np.float32)
    exposed = picture * light[..., None] * balance * rng.uniform(0.75, 1.2)
    noisy = exposed + rng.normal(0, rng.uniform(0.004, 0.025), picture.shape)
    return np.clip(noisy, 0, 1).astype(np.float32)


def write_production_line(
    out: Path, *, num_images: int, seed: int, val_share: float = 0.25
) -> Path:
    """Write `out/images/*.jpg` and `out/annotations.json`; returns the latter.

    Every picture has its own generator, so a longer set begins with a shorter one.
    """
    if num_images < 1:
        raise ValueError(f"num_images must be at least 1, got {num_images}")
    folder = out / "images"
    folder.mkdir(parents=True, exist_ok=True)
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    every = max(2, round(1 / val_share)) if val_share else num_images + 1
    for index in range(num_images):
        scene = draw_scene(np.random.default_rng([seed, index]))
        name = f"part_{index:05d}.jpg"
        pixels = (scene.picture_HW3 * 255).round().astype(np.uint8)
        Image.fromarray(pixels).save(folder / name, quality=90)
        images.append(
            {
                "id": index + 1,
                "file_name": name,
                "width": pixels.shape[1],
                "height": pixels.shape[0],
                "split": "val" if index % every == every - 1 else "train",
            }
        )
        for label, box in zip(scene.labels, scene.boxes_xyxy_N4.tolist(), strict=True):
            width, height = box[2] - box[0], box[3] - box[1]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index + 1,
                    "category_id": CLASS_NAMES.index(label) + 1,
                    "bbox": [box[0], box[1], width, height],
                    "area": width * height,
                    "iscrowd": 0,
                }
            )
    coco = {
        "info": {"description": "Generated production line", "seed": seed},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": i + 1, "name": n} for i, n in enumerate(CLASS_NAMES)],
    }
    path = out / "annotations.json"
    path.write_text(json.dumps(coco), encoding="utf-8")
    return path
