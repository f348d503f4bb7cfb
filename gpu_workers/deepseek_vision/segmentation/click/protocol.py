# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""How click segmentation is measured: the protocol of RITM (Sofiiuk et al., 2021).

The annotator knows the truth. Each click goes to the middle of the larger error (the
maximum of its distance transform), never twice to one place, at most 20 times. NoC@85
is the mean number of clicks until the intersection over union reaches 0.85, with 20
where it never does.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    distance_transform_edt,
)

from deepseek_vision.data.coco import read_coco
from deepseek_vision.images import Picture, read_picture
from deepseek_vision.segmentation.click.prompts import Box, Click, Prompt
from deepseek_vision.segmentation.packing import draw_polygons, objects_of

MAX_CLICKS = 20
Bits = NDArray[np.bool_]
# Answers a prompt about a picture that the key names with the whole picture's mask.
Ask = Callable[[Picture, Prompt, str], Bits]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One object of a picture, whose truth is known."""

    key: str
    picture: Picture
    truth_HW: Bits
    box: Box


def targets_of(
    folder: Path, *, splits: Sequence[str], most: int, least_px: int = 40
) -> Iterator[Target]:
    """Objects with polygons, the same ones on every call, spread over the pictures."""
    coco = read_coco(folder, splits=splits)
    listed = [
        (image, item)
        for image in coco.images
        for item in objects_of(coco, image["id"])
        if isinstance(item.get("segmentation"), list)
        and float(item.get("area", 0)) >= least_px
    ]
    order = np.random.default_rng(0).permutation(len(listed))[:most]
    for index in sorted(order.tolist()):
        image, item = listed[index]
        picture = read_picture(coco.folder / image["file_name"])
        size = picture.width, picture.height
        truth = draw_polygons(item["segmentation"], size)
        if truth.any():
            x, y, width, height = item["bbox"]
            yield Target(
                key=str(image["id"]),
                picture=picture,
                truth_HW=truth,
                box=(x, y, x + width, y + height),
            )


def iou(a: Bits, b: Bits) -> float:
    either = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / either if either else 1.0


def next_click(truth: Bits, said: Bits, clicked: Bits) -> Click | None:
    """Where the annotator clicks; None where nothing is wrong."""
    missed = _depth(truth & ~said & ~clicked)
    excess = _depth(~truth & said & ~clicked)
    depth = missed if missed.max() > excess.max() else excess
    if depth.max() <= 0:
        return None
    row, column = np.unravel_index(int(np.argmax(depth)), depth.shape)
    is_positive = depth is missed
    return Click(x=float(column) + 0.5, y=float(row) + 0.5, is_positive=is_positive)


def _depth(mask: Bits) -> NDArray[np.float64]:
    # The picture's border counts as an edge, as in the protocol.
    padded = np.pad(mask, 1)
    depth: NDArray[np.float64] = distance_transform_edt(padded)[1:-1, 1:-1]
    return depth


def play(target: Target, ask: Ask, *, until: float = 0.9) -> list[float]:
    """The intersection over union after each click, up to `until` or the last one."""
    said = np.zeros_like(target.truth_HW)
    clicked = np.zeros_like(said)
    clicks: tuple[Click, ...] = ()
    reached: list[float] = []
    while len(clicks) < MAX_CLICKS and (not reached or reached[-1] < until):
        click = next_click(target.truth_HW, said, clicked)
        if click is None:
            break
        clicks = (*clicks, click)
        clicked[int(click.y), int(click.x)] = True
        said = ask(target.picture, Prompt(clicks=clicks), target.key)
        reached.append(iou(said, target.truth_HW))
    return reached


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was reached on a set, object by object."""

    rows: list[list[float]] = field(default_factory=list)

    def clicks_to(self, level: float) -> float:
        """NoC at a level."""
        return float(np.mean([_clicks_to(row, level) for row in self.rows]))

    def mean_after(self, num: int) -> float:
        """Mean intersection over union after `num` clicks, or fewer where it ended."""
        ends = [row[min(num, len(row)) - 1] if row else 0.0 for row in self.rows]
        return float(np.mean(ends))

    def summary(self) -> dict[str, Any]:
        return {
            "num_objects": len(self.rows),
            "noc85": round(self.clicks_to(0.85), 2),
            "noc90": round(self.clicks_to(0.9), 2),
            **{f"miou{n}": round(self.mean_after(n), 3) for n in (1, 3, 5)},
        }


def _clicks_to(row: Sequence[float], level: float) -> int:
    for number, value in enumerate(row, start=1):
        if value >= level:
            return number
    return MAX_CLICKS
