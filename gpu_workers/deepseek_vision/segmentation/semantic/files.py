"""Segment files and folders: masks as PNG, for a NIfTI volume as a volume."""

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from deepseek_vision.errors import ImageError
from deepseek_vision.images import Picture, Pixels, list_pictures, read_picture
from deepseek_vision.segmentation.semantic.predict import (
    ClassMap,
    SemanticModel,
    load_segmenter,
)
from deepseek_vision.segmentation.slices import is_medical, read_slices

COLOURS = ((239, 68, 68), (59, 130, 246), (34, 197, 94), (245, 158, 11), (168, 85, 247))


def segment_files(
    name: str | Path, paths: Sequence[Path], out: Path, *, is_drawn: bool
) -> Iterator[dict[str, Any]]:
    """One answer a picture or slice; a bad file has `error`, and the rest goes on.

    A pixel of `mask` holds the number of its class, 0 for none.

    Raises:
        VisionError: the model cannot be loaded.
    """
    model = load_segmenter(name)
    out.mkdir(parents=True, exist_ok=True)
    for path in (f for p in paths for f in _files(p)):
        try:
            yield from _segment(model, path, out, is_drawn=is_drawn)
        except ImageError as error:
            yield {"file": str(path), "error": str(error)}


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    medical = [f for f in path.iterdir() if f.is_file() and is_medical(f)]
    return sorted({*medical, *list_pictures(path)})


def _segment(
    model: SemanticModel, path: Path, out: Path, *, is_drawn: bool
) -> Iterator[dict[str, Any]]:
    if not is_medical(path):
        picture = read_picture(path)
        classes = model.segment(picture).classes_HW
        yield _written(model, path, path.stem, (picture, classes), out, is_drawn)
        return
    masks = []
    for each in read_slices(path):
        picture = each.picture(model.config.window)
        classes = model.segment(picture, spacing_mm=each.spacing_mm).classes_HW
        masks.append(classes)
        yield _written(model, path, each.name, (picture, classes), out, is_drawn)
    if path.name.lower().endswith((".nii", ".nii.gz")):
        stem = path.name.split(".nii", maxsplit=1)[0]
        volume = out / f"{stem}_mask.nii.gz"
        write_volume(np.stack(masks), like=path, to=volume)
        yield {"file": str(path), "volume": str(volume)}


def _written(
    model: SemanticModel,
    path: Path,
    name: str,
    answer: tuple[Picture, ClassMap],
    out: Path,
    is_drawn: bool,  # noqa: FBT001 -- private
) -> dict[str, Any]:
    picture, classes = answer
    mask = out / f"{name}_mask.png"
    Image.fromarray(classes).save(mask)
    if is_drawn:
        Image.fromarray(draw(picture.pixels, classes)).save(
            out / f"{name}_outlines.jpg", quality=92
        )
    counts = np.bincount(classes.ravel(), minlength=len(model.config.classes) + 1)
    found = dict(zip(model.config.classes, counts[1:].tolist(), strict=True))
    return {"file": str(path), "slice": name, "mask": str(mask), "pixels": found}


def draw(pixels_HW3: Pixels, classes_HW: ClassMap) -> Pixels:
    """The picture with each class in its colour, its rim strong."""
    drawn = pixels_HW3.astype(np.float32)
    padded = np.pad(classes_HW, 1, mode="edge")
    rim = np.zeros(classes_HW.shape, np.bool_)
    for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
        height, width = classes_HW.shape
        rim |= padded[dy : dy + height, dx : dx + width] != classes_HW
    for number in range(1, int(classes_HW.max(initial=0)) + 1):
        colour = np.array(COLOURS[(number - 1) % len(COLOURS)], np.float32)
        inside = classes_HW == number
        drawn[inside] = drawn[inside] * 0.7 + colour * 0.3
        drawn[inside & rim] = colour
    return drawn.round().astype(np.uint8)


def write_volume(masks_NHW: ClassMap, *, like: Path, to: Path) -> None:
    """The slices of a NIfTI file's masks in its own axes and place."""
    nibabel = importlib.import_module("nibabel")
    orientations = importlib.import_module("nibabel.orientations")
    source = nibabel.load(like)
    canonical = masks_NHW.transpose(2, 1, 0)[::-1, ::-1]
    own = orientations.io_orientation(source.affine)
    back = orientations.ornt_transform(orientations.axcodes2ornt(("R", "A", "S")), own)
    volume = orientations.apply_orientation(canonical, back)
    shape = source.shape[:3]
    image = nibabel.Nifti1Image(
        np.ascontiguousarray(volume.reshape(shape)), source.affine
    )
    nibabel.save(image, to)
