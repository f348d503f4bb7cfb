"""Which part of a picture is encoded: all of it, or a window around the object.

A small object is looked at through a window, as RITM does by zooming in; a window is
kept while what is said fits into it, because a new one must be encoded anew.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from deepseek_vision.segmentation.click.prompts import Array, Box, Prompt

_MARGIN = 1.5  # a fresh window's side, in sides of what it is about
_WHOLE = 0.7  # windows larger than this share of the picture are all of it
_LEAST_PX = 48
_LOOSE = 3.0  # an object may be this many times smaller than its window
_NOTHING = -12.0  # the logit of what an earlier window did not show


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Whole pixels of the upright picture; `right` and `bottom` lie outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        return self.left, self.top, self.right, self.bottom

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    def scaled_size(self, side: int) -> tuple[int, int]:
        """Width and height when the longer side becomes `side`."""
        scale = side / max(self.width, self.height)
        return max(1, round(self.width * scale)), max(1, round(self.height * scale))

    def contains(self, box: Box) -> bool:
        return (
            self.left <= box[0]
            and self.top <= box[1]
            and self.right >= box[2]
            and self.bottom >= box[3]
        )


def whole(size: tuple[int, int]) -> Window:
    return Window(left=0, top=0, right=size[0], bottom=size[1])


def around(box: Box, size: tuple[int, int], *, margin: float = _MARGIN) -> Window:
    """A square window around a box, shifted into the picture; all of it if large."""
    extent = max(box[2] - box[0], box[3] - box[1], 1.0)
    side = max(extent * margin, _LEAST_PX)
    if side >= _WHOLE * max(size):
        return whole(size)
    ends = []
    for low, high, limit in ((box[0], box[2], size[0]), (box[1], box[3], size[1])):
        length = min(round(side), limit)
        start = round((low + high) / 2 - length / 2)
        start = min(max(start, 0), limit - length)
        ends.append((start, start + length))
    (left, right), (top, bottom) = ends
    return Window(left=left, top=top, right=right, bottom=bottom)


def first_window(prompt: Prompt, size: tuple[int, int]) -> Window:
    """Where to look before anything is known of the object."""
    if prompt.box is not None:
        return around(_united(_clipped(prompt.box, size), prompt), size)
    if prompt.region is not None:
        region = _united(_clipped(prompt.region, size), prompt)
        return around(region, size, margin=1.0)
    return whole(size)


def next_window(
    found: Box | None, prompt: Prompt, size: tuple[int, int], last: Window
) -> Window:
    """Where to look once the object is thought to be in the box `found`."""
    if found is None:
        return last
    about = _united(found, prompt)
    extent = max(about[2] - about[0], about[3] - about[1], 1.0)
    is_close = max(last.width, last.height) <= max(_LOOSE * extent, _LEAST_PX)
    touches = not last.contains(_grown(found, 2.0)) and last != whole(size)
    if last.contains(about) and is_close and not touches:
        return last
    return around(about, size)


def move_logits(
    logits_HW: Array, *, source: Window, target: Window, side: int, cell_px: int
) -> Array:
    """The same logits on the grid of another window."""
    if source == target:
        return logits_HW
    old_scale = side / max(source.width, source.height) / cell_px
    new_scale = side / max(target.width, target.height) / cell_px
    width, height = target.scaled_size(side)
    size = -(-width // cell_px), -(-height // cell_px)
    zoom = old_scale / new_scale
    shift_x = (target.left - source.left) * old_scale
    shift_y = (target.top - source.top) * old_scale
    image = Image.fromarray(logits_HW.astype(np.float32) - np.float32(_NOTHING))
    moved = image.transform(
        size,
        Image.Transform.AFFINE,
        (zoom, 0, shift_x, 0, zoom, shift_y),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(moved, np.float32) + np.float32(_NOTHING)


def _clipped(box: Box, size: tuple[int, int]) -> Box:
    left, right = sorted(min(max(v, 0.0), float(size[0])) for v in (box[0], box[2]))
    top, bottom = sorted(min(max(v, 0.0), float(size[1])) for v in (box[1], box[3]))
    return left, top, right, bottom


def _grown(box: Box, by: float) -> Box:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _united(box: Box, prompt: Prompt) -> Box:
    boxes = [box, *((c.x, c.y, c.x, c.y) for c in prompt.clicks)]
    return (
        min(b[0] for b in boxes),
        min(b[1] for b in boxes),
        max(b[2] for b in boxes),
        max(b[3] for b in boxes),
    )
