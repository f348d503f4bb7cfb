"""Objects with their masks in files and folders, and pictures that show them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from deepseek_vision.errors import ImageError
from deepseek_vision.images import Picture, Pixels, list_pictures, read_picture
from deepseek_vision.segmentation.instances.predict import Instance, load_instances
from deepseek_vision.segmentation.semantic.files import COLOURS
from deepseek_vision.segmentation.semantic.serving import run_lengths


def find_in_files(
    model: str | Path,
    paths: Sequence[Path],
    *,
    score_threshold: float | None = None,
    draw_into: Path | None = None,
) -> Iterator[dict[str, Any]]:
    """One answer a picture; a bad file has `error`, and the rest goes on.

    Raises:
        VisionError: the model cannot be loaded, or the threshold is no share.
    """
    loaded = load_instances(model)
    if draw_into is not None:
        draw_into.mkdir(parents=True, exist_ok=True)
    listed = (f for p in paths for f in (list_pictures(p) if p.is_dir() else [p]))
    for path in listed:
        try:
            picture = read_picture(path)
        except ImageError as error:
            yield {"file": str(path), "error": str(error)}
            continue
        found = loaded.find(picture, score_threshold=score_threshold)
        if draw_into is not None:
            drawn = Image.fromarray(draw(picture.pixels, found))
            drawn.save(draw_into / f"{path.stem}.jpg", quality=92)
        yield {"file": str(path), **as_wire(picture, found)}


def as_wire(
    picture: Picture, found: Sequence[Instance], *, boxes_only: bool = False
) -> dict[str, Any]:
    """Objects as JSON: box, polygons and run lengths, in pixels of the picture.

    Args:
        picture: Where they were found.
        found: The objects.
        boxes_only: Leave out what takes longest, for who compares boxes alone.
    """
    size = {"width": picture.width, "height": picture.height}
    return {
        **size,
        "instances": [
            {
                "label": one.label,
                "score": round(one.score, 4),
                "bbox": [round(side, 2) for side in one.box_xyxy],
                **({} if boxes_only else _shape(one, size)),
            }
            for one in found
        ],
    }


def _shape(one: Instance, size: dict[str, int]) -> dict[str, Any]:
    return {
        "outlines": [
            {"points": part.points, "holes": part.holes} for part in one.outlines()
        ],
        "mask": run_lengths(one.mask(**size)),
    }


def draw(pixels_HW3: Pixels, found: Sequence[Instance]) -> Pixels:
    """The picture with each object in a colour, its rim strong; the surest on top."""
    drawn = pixels_HW3.astype(np.float32)
    height, width = pixels_HW3.shape[:2]
    for number, one in reversed(list(enumerate(found))):
        inside = one.mask(width=width, height=height)
        padded = np.pad(inside, 1)
        deep = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2]
        rim = inside & ~(deep & padded[1:-1, 2:])
        colour = np.array(COLOURS[number % len(COLOURS)], np.float32)
        drawn[inside] = drawn[inside] * 0.65 + colour * 0.35
        drawn[rim] = colour
    return drawn.round().astype(np.uint8)
