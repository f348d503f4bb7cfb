"""A COCO data set as tensors: all pictures at one size, ready for the device."""

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepseek_vision.errors import DatasetError, ImageError
from deepseek_vision.images import FILL, letterbox, read_picture


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoSet:
    """The pictures and objects of some splits, as read, nothing decoded yet."""

    folder: Path
    images: tuple[dict[str, Any], ...]
    objects: dict[int, list[dict[str, Any]]]
    classes: tuple[str, ...]
    class_of: dict[int, int]


def read_coco(
    path: Path,
    *,
    splits: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
) -> CocoSet:
    """Read `path`, a folder with annotations.json and images/, or the file itself.

    Args:
        path: of the set.
        splits: only images of these; None takes all.
        classes: the model's class names, when fixed; others are left out.

    Raises:
        DatasetError: when it is not COCO, or nothing is left to learn from.
    """
    file = path / "annotations.json" if path.is_dir() else path
    try:
        coco = json.loads(file.read_text(encoding="utf-8"))
        categories = {c["id"]: c["name"] for c in coco["categories"]}
        images = [
            i for i in coco["images"] if splits is None or i.get("split") in splits
        ]
        annotations = coco["annotations"]
    except FileNotFoundError:
        raise DatasetError(f"{file}: no such file") from None
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{file}: not COCO annotations ({error!r})") from None
    if not images:
        has = sorted({str(i.get("split")) for i in coco["images"]})
        raise DatasetError(f"{file}: no image in {splits}; splits: {', '.join(has)}")
    names = tuple(classes) if classes is not None else tuple(categories.values())
    class_of = {key: names.index(n) for key, n in categories.items() if n in names}
    objects: dict[int, list[dict[str, Any]]] = {}
    for annotation in annotations:
        if annotation["category_id"] in class_of:
            objects.setdefault(annotation["image_id"], []).append(annotation)
    return CocoSet(
        folder=file.parent / "images",
        images=tuple(images),
        objects=objects,
        classes=names,
        class_of=class_of,
    )


def read_together(paths: Sequence[Path], *, splits: Sequence[str]) -> CocoSet:
    """Several sets as one: classes of one name are one class.

    Raises:
        DatasetError: when one of them cannot be read.
    """
    sets = [read_coco(path, splits=splits) for path in paths]
    if len(sets) == 1:
        return sets[0]
    classes = tuple(dict.fromkeys(name for one in sets for name in one.classes))
    images: list[dict[str, Any]] = []
    objects: dict[int, list[dict[str, Any]]] = {}
    for one in sets:
        names = {key: one.classes[index] for key, index in one.class_of.items()}
        for image in one.images:
            number = len(images) + 1
            file = str((one.folder / image["file_name"]).resolve())
            images.append({**image, "id": number, "file_name": file})
            objects[number] = [
                {**item, "category_id": classes.index(names[item["category_id"]])}
                for item in one.objects.get(image["id"], [])
            ]
    return CocoSet(
        folder=sets[0].folder,
        images=tuple(images),
        objects=objects,
        classes=classes,
        class_of={index: index for index in range(len(classes))},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedSet:
    """Pictures letterboxed to `side`, kept in uint8 where they are used.

    Boxes are xyxy pixels of the letterboxed picture; labels are -1 on padding.
    """

    images: Tensor  # N 3 S S
    sizes: Tensor  # N 2: width and height of what is not padding
    boxes: Tensor  # N M 4
    labels: Tensor  # N M
    classes: tuple[str, ...]

    def to(self, device: torch.device) -> "PackedSet":
        return PackedSet(
            images=self.images.to(device),
            sizes=self.sizes.to(device),
            boxes=self.boxes.to(device),
            labels=self.labels.to(device),
            classes=self.classes,
        )

    def __len__(self) -> int:
        return len(self.images)


def pack(coco: CocoSet, *, side: int) -> PackedSet:
    """Decode everything once, on all processors.

    Raises:
        DatasetError: when a picture cannot be read, or no object is left.
    """
    images = np.full((len(coco.images), 3, side, side), FILL, np.uint8)
    sizes = np.zeros((len(coco.images), 2), np.float32)

    def place(index: int) -> tuple[np.ndarray, np.ndarray]:
        image = coco.images[index]
        picture = read_picture(coco.folder / image["file_name"], wanted_side=side)
        box = letterbox(picture, side=side, stride=1)
        height, width = box.pixels.shape[:2]
        images[index, :, :height, :width] = box.pixels.transpose(2, 0, 1)
        sizes[index] = width, height
        scale = np.array([box.scale_x, box.scale_y] * 2, np.float32)
        return _objects(coco, image["id"], scale)

    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            rows = list(pool.map(place, range(len(coco.images))))
    except ImageError as error:
        raise DatasetError(str(error)) from None
    most = max(len(labels) for _, labels in rows)
    if most == 0:
        raise DatasetError(f"{coco.folder.parent}: no object in any image")
    boxes = np.zeros((len(rows), most, 4), np.float32)
    labels = np.full((len(rows), most), -1, np.int64)
    for index, (some_boxes, some_labels) in enumerate(rows):
        boxes[index, : len(some_labels)] = some_boxes
        labels[index, : len(some_labels)] = some_labels
    return PackedSet(
        images=torch.from_numpy(images),
        sizes=torch.from_numpy(sizes),
        boxes=torch.from_numpy(boxes),
        labels=torch.from_numpy(labels),
        classes=coco.classes,
    )


def _objects(
    coco: CocoSet, image_id: int, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    found = [o for o in coco.objects.get(image_id, []) if not o.get("iscrowd")]
    xywh = np.array([o["bbox"] for o in found], np.float32).reshape(-1, 4)
    xyxy = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1) * scale
    labels = np.array([coco.class_of[o["category_id"]] for o in found], np.int64)
    return xyxy, labels


def sampling_weights(packed: PackedSet, *, threshold: float = 0.1) -> Tensor:
    """How often to show each image: rare classes more (repeat factors, LVIS, 2019).

    An image counts as its rarest class, by the root of threshold over the share of
    images that have the class; 1 where all classes are common.
    """
    present = torch.zeros(len(packed), len(packed.classes))
    index = packed.labels.cpu().clamp(min=0)
    present.scatter_add_(1, index, (packed.labels.cpu() >= 0).float())
    has = present > 0
    share = has.float().mean(dim=0).clamp(min=1e-9)
    factor = (threshold / share).sqrt().clamp(min=1.0)
    return torch.where(has, factor, 1.0).amax(dim=1)
