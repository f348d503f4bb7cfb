"""GrabCut (Rother et al., 2004): an outline from colours alone, where no model knows it.

What lies outside the box is ground, what was clicked is sure, and the rest goes to the
side whose colours it resembles, cut where the picture's edges are.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepseek_vision.images import Picture
from deepseek_vision.segmentation.click.outlines import Outline, trace_logits
from deepseek_vision.segmentation.click.prompts import Array, Prompt
from deepseek_vision.segmentation.click.windows import Window, around, whole

_MOST_PX = 320  # cuts take time with the pixels, and outlines are smoothed anyway
_QUICK_PX = 128  # a sixth of the pixels, for what is refined at once
_GROUND = 1.6  # sides of the box: ground enough to learn its colours from
_ROUNDS = 3
_DOT = 0.012  # of the window's longer side: how much of the picture a click is about
_SMOOTH_PX = 1.0

cv2.setNumThreads(1)


def outlines_by_color(
    picture: Picture, prompt: Prompt, *, is_quick: bool = False
) -> list[Outline]:
    """The parts that the prompt means, the largest first; none where nothing differs.

    A quick look has fewer pixels, and coarser edges.

    Raises:
        ValueError: There is no box, or it lies beside the picture.
    """
    if prompt.box is None:
        raise ValueError("drag a box around the object first, then click to correct")
    size = picture.width, picture.height
    left, top, right, bottom = prompt.box
    if left >= size[0] or top >= size[1] or right <= 0 or bottom <= 0:
        raise ValueError(
            f"the box lies beside the picture of {size[0]} x {size[1]} pixels"
        )
    window = _window(prompt, size)
    side = max(window.width, window.height)
    most_px = _QUICK_PX if is_quick else _MOST_PX
    seen_w, seen_h = window.scaled_size(min(most_px, side))
    seen = Image.fromarray(picture.pixels).resize(
        (seen_w, seen_h), Image.Resampling.BILINEAR, box=window.box, reducing_gap=2.0
    )
    scale = max(seen_w, seen_h) / side
    corner = np.array([window.left, window.top], np.float32)
    marks = _marks(prompt, corner, scale, (seen_h, seen_w))
    logits = _soft(_cut(np.asarray(seen), marks))
    return trace_logits(logits, prompt, corner=corner, scale=scale)


def _window(prompt: Prompt, size: tuple[int, int]) -> Window:
    assert prompt.box is not None
    left, top, right, bottom = prompt.box
    xs = [left, right, *(click.x for click in prompt.clicks)]
    ys = [top, bottom, *(click.y for click in prompt.clicks)]
    about = (
        max(min(xs), 0.0),
        max(min(ys), 0.0),
        min(max(xs), float(size[0])),
        min(max(ys), float(size[1])),
    )
    return around(about, size, margin=_GROUND) if max(size) > _MOST_PX else whole(size)


def _marks(
    prompt: Prompt, corner: Array, scale: float, shape: tuple[int, int]
) -> NDArray[np.uint8]:
    assert prompt.box is not None
    marks = np.full(shape, cv2.GC_BGD, np.uint8)
    ends = (np.array(prompt.box).reshape(2, 2) - corner) * scale
    (left, top), (right, bottom) = np.round(ends).astype(int).clip(0)
    marks[top : max(bottom, top + 1), left : max(right, left + 1)] = cv2.GC_PR_FGD
    dot = max(2, round(_DOT * max(shape)))
    for click in prompt.clicks:
        x, y = (np.array([click.x, click.y]) - corner) * scale
        sure = cv2.GC_FGD if click.is_positive else cv2.GC_BGD
        cv2.circle(marks, (int(x), int(y)), dot, sure, -1)
    return marks


def _cut(pixels: NDArray[np.uint8], marks: NDArray[np.uint8]) -> NDArray[np.bool_]:
    cv2.setRNGSeed(0)  # the same prompt has the same answer
    ground, thing = np.zeros((1, 65)), np.zeros((1, 65))
    unread = 0, 0, 1, 1  # a rectangle, where the marks say it all
    image = np.ascontiguousarray(pixels)
    mode = cv2.GC_INIT_WITH_MASK
    try:
        cv2.grabCut(image, marks, unread, ground, thing, _ROUNDS, mode)
    except cv2.error:  # one side has too few pixels for its five colours
        return np.isin(marks, (cv2.GC_FGD,))
    return np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD))


def _soft(mask: NDArray[np.bool_]) -> Array:
    """The mask with its stairs smoothed, positive inside."""
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _SMOOTH_PX)
    return np.asarray((blurred - 0.5) * 8, np.float32)
