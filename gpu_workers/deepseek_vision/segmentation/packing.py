# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""A COCO data set with masks as tensors: pictures, object numbers, boxes."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from deepseek_vision.data.coco import CocoSet, read_coco
from deepseek_vision.errors import DatasetError, ImageError
from deepseek_vision.images import FILL, letterbox, read_picture

_NEAR = 1e-3  # pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskSet:
    """Pictures letterboxed to one side, top left; kept in uint8 where they are used.

    `numbers` tells for each pixel which object it shows, from 1 on, 0 for none; where
    objects overlap it shows the smaller. All 0 in a set that has boxes alone. Row n of
    the boxes (xyxy pixels) and labels is of number n + 1; padded rows have no area and
    the label -1.
    """

    images_N3SS: Tensor
    sizes_N2: Tensor
    numbers_NSS: Tensor
    boxes_NM4: Tensor
    labels_NM: Tensor

    def to(self, device: torch.device) -> "MaskSet":
        return MaskSet(
            images_N3SS=self.images_N3SS.to(device),
            sizes_N2=self.sizes_N2.to(device),
            numbers_NSS=self.numbers_NSS.to(device),
            boxes_NM4=self.boxes_NM4.to(device),
            labels_NM=self.labels_NM.to(device),
        )

    def __len__(self) -> int:
        return len(self.images_N3SS)


def pack_masks(
    folder: Path, *, side: int, split: str = "train", most: int | None = None
) -> MaskSet:
    """Decode the pictures of a split once, with their polygons and boxes.

    With `most`, that many of them, spread evenly over the set.

    Raises:
        DatasetError: when the set or one of its pictures cannot be read.
    """
    return pack_objects(read_coco(folder, splits=(split,)), side=side, most=most)


def pack_objects(coco: CocoSet, *, side: int, most: int | None = None) -> MaskSet:
    """The same of a set that was read."""
    chosen = coco.images
    if most is not None and most < len(chosen):
        chosen = tuple(chosen[len(chosen) * n // most] for n in range(most))
    count = len(chosen)
    images = np.full((count, 3, side, side), FILL, np.uint8)
    numbers = np.zeros((count, side, side), np.int16)
    sizes = np.zeros((count, 2), np.float32)

    def place(index: int) -> np.ndarray:
        image = chosen[index]
        picture = read_picture(coco.folder / image["file_name"])
        box = letterbox(picture, side=side, stride=1)
        height, width = box.pixels.shape[:2]
        images[index, :, :height, :width] = box.pixels.transpose(2, 0, 1)
        sizes[index] = width, height
        objects = objects_of(coco, image["id"])
        scale = box.scale_x, box.scale_y
        own = _draw(objects, (picture.width, picture.height))
        drawn = Image.fromarray(own).resize((width, height), Image.Resampling.NEAREST)
        numbers[index, :height, :width] = np.asarray(drawn)
        return _boxes(objects, scale)

    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            rows = list(pool.map(place, range(count)))
    except ImageError as error:
        raise DatasetError(str(error)) from None
    room = max(1, *(len(row) for row in rows))
    boxes = np.zeros((count, room, 4), np.float32)
    labels = np.full((count, room), -1, np.int64)
    for index, row in enumerate(rows):
        boxes[index, : len(row)] = row
        objects = objects_of(coco, chosen[index]["id"])
        labels[index, : len(row)] = [coco.class_of[o["category_id"]] for o in objects]
    return MaskSet(
        images_N3SS=torch.from_numpy(images),
        sizes_N2=torch.from_numpy(sizes),
        numbers_NSS=torch.from_numpy(numbers),
        boxes_NM4=torch.from_numpy(boxes),
        labels_NM=torch.from_numpy(labels),
    )


def join_sets(sets: Sequence[MaskSet]) -> MaskSet:
    """Sets of one side as one."""
    most = max(one.boxes_NM4.shape[1] for one in sets)
    room = [most - one.boxes_NM4.shape[1] for one in sets]
    boxes = [
        nn.functional.pad(one.boxes_NM4, (0, 0, 0, more))
        for one, more in zip(sets, room, strict=True)
    ]
    labels = [
        nn.functional.pad(one.labels_NM, (0, more), value=-1)
        for one, more in zip(sets, room, strict=True)
    ]
    return MaskSet(
        images_N3SS=torch.cat([one.images_N3SS for one in sets]),
        sizes_N2=torch.cat([one.sizes_N2 for one in sets]),
        numbers_NSS=torch.cat([one.numbers_NSS for one in sets]),
        boxes_NM4=torch.cat(boxes),
        labels_NM=torch.cat(labels),
    )


def objects_of(coco: CocoSet, image_id: int) -> list[dict[str, Any]]:
    """The objects of an image from large to small, crowds left out."""
    found = [o for o in coco.objects.get(image_id, []) if not o.get("iscrowd")]
    return sorted(found, key=lambda o: -float(o.get("area", 0)))


def draw_polygons(polygons: list[list[float]], size: tuple[int, int]) -> np.ndarray:
    """One object's mask, H W bool, from COCO polygons; `size` is width, height."""
    mask = np.zeros(size[::-1], bool)
    rings = [np.array(flat, float).reshape(-1, 2) for flat in polygons]
    rings = [ring for ring in rings if len(ring) >= 3]
    if not rings:
        return mask
    points = np.concatenate(rings)
    low = np.clip(np.floor(points.min(axis=0)).astype(int), 0, size)
    high = np.clip(np.ceil(points.max(axis=0)).astype(int), 0, size)
    if (high <= low).any():
        return mask
    width, height = (int(n) for n in high - low)
    inside = [_inside(ring - low, width, height) for ring in rings]
    mask[low[1] : high[1], low[0] : high[0]] = np.any(inside, axis=0)
    return mask


def draw_segmentation(segmentation: object, size: tuple[int, int]) -> np.ndarray | None:
    """A mask from COCO polygons or plain run lengths; None where there is neither."""
    if isinstance(segmentation, list) and segmentation:
        return draw_polygons(segmentation, size)
    counts = segmentation.get("counts") if isinstance(segmentation, dict) else None
    if not isinstance(counts, list) or sum(counts) != size[0] * size[1]:
        return None
    bits = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return bits.reshape(size).T


def _inside(ring_N2: np.ndarray, width: int, height: int) -> np.ndarray:
    """Which pixels' middles lie in a ring or on it, H W bool.

    Those on it belong, since tools that trace masks go from middle to middle. So each
    row is looked at a little above its middle and a little below.
    """
    rows = (np.arange(height)[:, None] + [0.5 - _NEAR, 0.5 + _NEAR]).reshape(-1, 1)
    x, y = ring_N2[:, 0], ring_N2[:, 1]
    to_x, to_y = np.roll(x, -1), np.roll(y, -1)
    crosses = (y <= rows) != (to_y <= rows)
    at = x + (rows - y) / np.where(to_y == y, 1, to_y - y) * (to_x - x)
    most = int(crosses.sum(axis=1).max(initial=0))
    # Where a row enters and leaves, in turn; what is no crossing lies far outside.
    ends = np.sort(np.where(crosses, at, np.inf), axis=1)[:, :most]
    middles = np.arange(width) + 0.5
    inside = np.zeros((len(rows), width), bool)
    for enters, leaves in zip(ends[:, 0::2].T, ends[:, 1::2].T, strict=True):
        after = middles >= enters[:, None] - 2 * _NEAR
        inside |= after & (middles <= leaves[:, None] + 2 * _NEAR)
    both = inside.reshape(height, 2, width)
    drawn: np.ndarray = both[:, 0] | both[:, 1]
    return drawn


def _draw(objects: list[dict[str, Any]], size: tuple[int, int]) -> np.ndarray:
    numbers = np.zeros(size[::-1], np.int32)
    for number, item in enumerate(objects, start=1):
        mask = draw_segmentation(item.get("segmentation"), size)
        if mask is not None:
            numbers[mask] = number
    return numbers


def _boxes(objects: list[dict[str, Any]], scale: tuple[float, float]) -> np.ndarray:
    xywh = np.array([o["bbox"] for o in objects], np.float32).reshape(-1, 4)
    xyxy = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
    scaled: np.ndarray = xyxy * np.array(scale * 2, np.float32)
    return scaled
