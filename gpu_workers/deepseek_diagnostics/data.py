# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""Labeled pictures as flat arrays; nothing decoded, no torch."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_diagnostics.errors import DataError
from deepseek_diagnostics.words import gettext_noop as _

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """A picture.

    Attributes:
        id: Its number in the data, by which findings name it.
        digest: Of its bytes where its name is one, else of name and size.
    """

    id: int
    path: Path
    name: str
    width: int
    height: int
    split: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What was labeled: N objects in I pictures.

    Attributes:
        image_N: Index of the object's picture.
        boxes_N4: Left, top, right, bottom in pixels of the upright original.
        ignored_N: Crowds and difficult ones: neither hits nor misses.
        ids: The annotations' own ids, empty where they have none.
    """

    classes: tuple[str, ...]
    images: tuple[ImageRow, ...]
    image_N: Ints
    boxes_N4: Floats
    classes_N: Ints
    ignored_N: Bools
    ids: tuple[str, ...]
    digest: str

    def __len__(self) -> int:
        return len(self.image_N)


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """What a model found: M boxes, by picture and there by falling score."""

    image_M: Ints
    boxes_M4: Floats
    scores_M: Floats
    classes_M: Ints

    def __len__(self) -> int:
        return len(self.image_M)

    def where(self, keep_M: Bools) -> "Boxes":
        return Boxes(
            image_M=self.image_M[keep_M],
            boxes_M4=self.boxes_M4[keep_M],
            scores_M=self.scores_M[keep_M],
            classes_M=self.classes_M[keep_M],
        )


def read_truth(path: Path, *, splits: Sequence[str] = ()) -> Truth:
    """Read COCO annotations.

    Args:
        path: A folder with annotations.json and images/, or the file.
        splits: Only images of these; empty takes all.

    Raises:
        DataError: It is not COCO, or has no image in these splits.
    """
    file = path / "annotations.json" if path.is_dir() else path
    coco = _read(file)
    try:
        names = {row["id"]: str(row["name"]) for row in coco["categories"]}
        rows = [
            row for row in coco["images"] if not splits or row.get("split") in splits
        ]
        images = tuple(_image(row, file.parent / "images") for row in rows)
        index_of = {row.id: number for number, row in enumerate(images)}
        found = [
            row
            for row in coco["annotations"]
            if row["image_id"] in index_of and row["bbox"][2] > 0 and row["bbox"][3] > 0
        ]
        number_of = {key: number for number, key in enumerate(names)}
        xywh = np.array([row["bbox"] for row in found], np.float64).reshape(-1, 4)
        truth = Truth(
            classes=tuple(names.values()),
            images=images,
            image_N=np.array([index_of[row["image_id"]] for row in found], np.int64),
            boxes_N4=np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1),
            classes_N=np.array([number_of[r["category_id"]] for r in found], np.int64),
            ignored_N=np.array([_is_ignored(row) for row in found], np.bool_),
            ids=tuple(str(row.get("attributes", {}).get("id", "")) for row in found),
            digest=_digest_of(coco, splits),
        )
    except (KeyError, TypeError, IndexError) as error:
        raise DataError(
            "{file}: not COCO annotations ({error})", file=str(file), error=repr(error)
        ) from None
    if not images:
        has = sorted({str(row.get("split")) for row in coco["images"]})
        raise DataError(
            _("no image has the split {wanted}; the data has: {has}"),
            wanted="/".join(splits) or "-",
            has=", ".join(has) or "-",
        )
    if not truth.classes:
        raise DataError(_("the data has no class: add labels and make another version"))
    if not np.isfinite(truth.boxes_N4).all():
        raise DataError(_("a box of the data has a side that is not a number"))
    return truth


def _read(file: Path) -> dict[str, Any]:
    try:
        coco = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("{file}: no such file", file=str(file)) from None
    except ValueError:
        raise DataError("{file}: is not JSON", file=str(file)) from None
    if not isinstance(coco, dict):
        raise DataError("{file}: not COCO annotations", file=str(file))
    return coco


def _image(row: Mapping[str, Any], folder: Path) -> ImageRow:
    name = str(row["file_name"])
    path = folder / name
    digest = Path(name).stem
    if len(digest) != 64:
        size = path.stat().st_size if path.exists() else 0
        digest = f"{name}:{size}"
    return ImageRow(
        id=int(row["id"]),
        path=path,
        name=name,
        width=int(row["width"]),
        height=int(row["height"]),
        split=str(row.get("split") or ""),
        digest=digest,
    )


def _is_ignored(row: Mapping[str, Any]) -> bool:
    return bool(row.get("iscrowd") or row.get("difficult"))


def _digest_of(coco: Mapping[str, Any], splits: Sequence[str]) -> str:
    text = json.dumps([coco, sorted(splits)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def iou(a_N4: Floats, b_M4: Floats) -> Floats:
    """Intersection over union of each of N boxes with each of M."""
    low = np.maximum(a_N4[:, None, :2], b_M4[None, :, :2])
    high = np.minimum(a_N4[:, None, 2:], b_M4[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas_N, areas_M = area(a_N4), area(b_M4)
    union = areas_N[:, None] + areas_M[None, :] - shared
    return np.asarray(shared / np.maximum(union, 1e-12), np.float64)


def share_inside(a_N4: Floats, b_M4: Floats) -> Floats:
    """The share of each of N boxes that lies in each of M."""
    low = np.maximum(a_N4[:, None, :2], b_M4[None, :, :2])
    high = np.minimum(a_N4[:, None, 2:], b_M4[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    return np.asarray(shared / np.maximum(area(a_N4)[:, None], 1e-12), np.float64)


def area(boxes_N4: Floats) -> Floats:
    sides = boxes_N4[:, 2:] - boxes_N4[:, :2]
    return np.asarray(sides[:, 0] * sides[:, 1], np.float64)
