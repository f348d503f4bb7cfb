# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""A COCO data set as pictures and class maps, at the pictures' own size."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from deepseek_vision.data.coco import CocoSet, read_coco, read_together
from deepseek_vision.errors import DatasetError, ImageError
from deepseek_vision.images import FILL, read_picture
from deepseek_vision.segmentation.packing import draw_segmentation, objects_of

NOWHERE = 255  # the class of what is beside the picture
_MOST_CLASSES = 64
_MOST_PX = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticSet:
    """uint8 all; class 0 is the background, `NOWHERE` beside a smaller picture."""

    images_N3HW: Tensor
    classes_NHW: Tensor
    sizes_N2: Tensor  # width and height of what is picture
    classes: tuple[str, ...]

    def to(self, device: torch.device) -> "SemanticSet":
        return replace(
            self,
            images_N3HW=self.images_N3HW.to(device),
            classes_NHW=self.classes_NHW.to(device),
            sizes_N2=self.sizes_N2.to(device),
        )

    def __len__(self) -> int:
        return len(self.images_N3HW)


def pack_classes(
    folders: tuple[Path, ...], *, split: str = "train", zoom: float = 1.0
) -> SemanticSet:
    """Decode every picture of a split once, enlarged by `zoom`.

    Raises:
        DatasetError: a picture cannot be read, or nothing is outlined.
    """
    coco = read_together(folders, splits=(split,))
    if len(coco.classes) > _MOST_CLASSES:
        raise DatasetError(
            f"{folders[0]}: {len(coco.classes)} classes, more than {_MOST_CLASSES}"
        )
    sides = [(i["width"] * zoom, i["height"] * zoom) for i in coco.images]
    width, height = (round(max(side)) for side in zip(*sides, strict=True))
    if max(width, height) > _MOST_PX:
        raise DatasetError(
            f"{folders[0]}: pictures of {width} x {height} pixels after zooming; "
            f"cut them to {_MOST_PX} or less, or lower --zoom"
        )
    count = len(coco.images)
    images = np.full((count, 3, height, width), FILL, np.uint8)
    classes = np.full((count, height, width), NOWHERE, np.uint8)
    sizes = np.zeros((count, 2), np.int64)

    def place(index: int) -> None:
        picture = read_picture(coco.folder / coco.images[index]["file_name"])
        across = round(picture.width * zoom), round(picture.height * zoom)
        image = Image.fromarray(picture.pixels)
        scaled = np.asarray(image.resize(across, Image.Resampling.BILINEAR))
        images[index, :, : across[1], : across[0]] = scaled.transpose(2, 0, 1)
        own = draw_classes(
            coco, coco.images[index]["id"], size=(picture.width, picture.height)
        )
        drawn = Image.fromarray(own).resize(across, Image.Resampling.NEAREST)
        classes[index, : across[1], : across[0]] = np.asarray(drawn)
        sizes[index] = across

    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(place, range(count)))
    except ImageError as error:
        raise DatasetError(str(error)) from None
    if not ((classes > 0) & (classes < NOWHERE)).any():
        raise DatasetError(f"{folders[0]}: no polygon in any image of {split!r}")
    return SemanticSet(
        images_N3HW=torch.from_numpy(images),
        classes_NHW=torch.from_numpy(classes),
        sizes_N2=torch.from_numpy(sizes),
        classes=coco.classes,
    )


def draw_classes(
    coco: CocoSet, image_id: int, *, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Each pixel's class, 0 for none; small objects over large ones."""
    classes = np.zeros(size[::-1], np.uint8)
    for item in objects_of(coco, image_id):
        mask = draw_segmentation(item.get("segmentation"), size)
        if mask is not None:
            classes[mask] = coco.class_of[item["category_id"]] + 1
    return classes


def read_truth(folder: Path, *, split: str, classes: tuple[str, ...]) -> CocoSet:
    """The set to measure a model of these classes on.

    Raises:
        DatasetError: it cannot be read, or has none of the classes.
    """
    coco = read_coco(folder, splits=(split,), classes=classes)
    if not coco.class_of:
        raise DatasetError(
            f"{folder}: has none of the model's classes ({', '.join(classes)})"
        )
    return coco
