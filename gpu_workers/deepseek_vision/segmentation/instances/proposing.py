"""What an instance segmenter proposes to draw: an outline, or the pixels themselves."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_vision import events
from deepseek_vision.errors import ImageError
from deepseek_vision.images import Picture, read_picture
from deepseek_vision.segmentation.click.outlines import Ring
from deepseek_vision.segmentation.instances.predict import (
    Instance,
    InstanceModel,
    load_instances,
)
from deepseek_vision.segmentation.semantic.serving import run_lengths
from deepseek_vision.spec import ImageRef

Propose = Callable[[Sequence[ImageRef]], list[events.Event]]


def proposer(
    folder: Path,
    *,
    names: Mapping[str, str],
    score_threshold: float,
    num_threads: int = 1,
) -> Propose:
    """Load a model; what it returns answers pictures, a bad one by its reason.

    Args:
        folder: the model's.
        names: what the asker calls the classes; others are not looked for.
        score_threshold: what is less sure is left out.
        num_threads: of the processor.

    Raises:
        VisionError: the model cannot be loaded.
    """
    model = load_instances(folder, num_threads=num_threads)
    return lambda refs: [_answer(model, ref, names, score_threshold) for ref in refs]


def _answer(
    model: InstanceModel, ref: ImageRef, names: Mapping[str, str], least: float
) -> events.Event:
    began = time.perf_counter()
    try:
        picture = read_picture(Path(ref.path))
    except ImageError as error:
        return events.ImageFailed(image_id=ref.id, reason=str(error))
    found = model.find(picture, score_threshold=least)
    return events.ImageDetected(
        image_id=ref.id,
        width=picture.width,
        height=picture.height,
        detections=tuple(
            _proposal(one, names[one.label], picture)
            for one in found
            if one.label in names
        ),
        elapsed_ms=round((time.perf_counter() - began) * 1000, 2),
    )


def _proposal(one: Instance, label: str, picture: Picture) -> events.FoundObject:
    kind, geometry = shape_of(one, size=(picture.width, picture.height))
    x1, y1, x2, y2 = (round(side, 2) for side in one.box_xyxy)
    return events.FoundObject(
        label=label,
        score=round(one.score, 4),
        bbox=(x1, y1, x2, y2),
        kind=kind,
        geometry=geometry,
    )


def shape_of(
    one: Instance, *, size: tuple[int, int]
) -> tuple[str, dict[str, Any] | None]:
    """A polygon where the object is of one piece, a mask where it is of several.

    What has no pixel at all stays a box.
    """
    parts = one.outlines()
    if len(parts) == 1:
        holes = [_inside(hole, size) for hole in parts[0].holes]
        return "polygon", {"points": _inside(parts[0].points, size), "holes": holes}
    bits = one.logits_HW > 0
    rows, columns = (np.flatnonzero(bits.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return "box", None
    top, left = int(rows[0]), int(columns[0])
    own = bits[top : rows[-1] + 1, left : columns[-1] + 1]
    return "mask", {
        "origin": [one.left + left, one.top + top],
        "size": [own.shape[1], own.shape[0]],
        "counts": run_lengths(own)["counts"],
    }


def _inside(ring: Ring, size: tuple[int, int]) -> Ring:
    return [
        [min(max(x, 0.0), float(size[0])), min(max(y, 0.0), float(size[1]))]
        for x, y in ring
    ]
