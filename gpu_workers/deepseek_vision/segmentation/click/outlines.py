"""From logits to outlines that an editor can draw, and a person can correct."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours

from deepseek_vision.segmentation.click.prompts import Array, Prompt
from deepseek_vision.segmentation.click.segmenter import Answer

Ring = list[list[float]]
_MOST_PX = 1024  # outlines are found at this size, which larger windows are scaled to
_QUICK_PX = 448  # and those that a closer look replaces at this one
_TOLERANCE = 0.8  # of such a pixel: corners nearer to a straight line are left out
_SPECK = 0.01  # of the largest part: smaller parts and holes are noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One part: x, y pairs in pixels of the picture, without the first one again."""

    points: Ring
    holes: list[Ring]


def outlines_of(answer: Answer, prompt: Prompt) -> list[Outline]:
    """The parts that the prompt means, the largest first; none for an empty mask.

    Parts without a click on them are left out where others have one: a person who
    clicks one thing does not mean another far away that looks the same.
    """
    most_px = _MOST_PX if answer.is_final else _QUICK_PX
    logits = answer.logits(most_px=most_px)
    window = answer.window
    scale = max(logits.shape) / max(window.width, window.height)
    return trace_logits(
        logits, prompt, corner=np.array([window.left, window.top]), scale=scale
    )


def trace_logits(
    logits: Array, prompt: Prompt, *, corner: Array, scale: float
) -> list[Outline]:
    """The same of logits from `corner` of the picture on, `scale` of them a pixel."""
    kept = _meant(logits > 0, prompt, corner, scale)
    outlines = []
    for mask in kept:
        shown = np.where(mask, logits, np.minimum(logits, -1e-3))
        outlines += _trace(shown, mask, corner, scale)
    return outlines


def _meant(
    mask: NDArray[np.bool_], prompt: Prompt, corner: Array, scale: float
) -> list[NDArray[np.bool_]]:
    """Masks of the parts that count, with specks of holes filled."""
    parts, num = ndimage.label(mask)
    if not num:
        return []
    areas = np.bincount(parts.ravel(), minlength=num + 1)
    areas[0] = 0
    clicked = set()
    for click in prompt.clicks:
        if click.is_positive:
            x, y = (np.array([click.x, click.y]) - corner) * scale
            row = min(max(int(y), 0), mask.shape[0] - 1)
            column = min(max(int(x), 0), mask.shape[1] - 1)
            clicked.add(int(parts[row, column]))
    clicked.discard(0)
    order = [int(n) for n in np.argsort(-areas, kind="stable")[:num]]
    least = areas.max() * _SPECK
    chosen = [n for n in order if (not clicked or n in clicked) and areas[n] >= least]
    return [_filled(parts == number) for number in chosen]


def _filled(part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    gaps, num = ndimage.label(~part)
    if num <= 1:
        return part
    areas = np.bincount(gaps.ravel(), minlength=num + 1)
    areas[0] = part.size
    small = np.flatnonzero(areas < part.sum() * _SPECK)
    filled: NDArray[np.bool_] = part | np.isin(gaps, small)
    return filled


def _trace(
    logits: Array, mask: NDArray[np.bool_], corner: Array, scale: float
) -> list[Outline]:
    # The border lies outside, so that an object cut off by it is closed along it.
    inside = np.clip(np.where(mask, np.maximum(logits, 1e-3), logits), -4, 4)
    padded = np.pad(inside, 1, constant_values=-4.0)
    rings = []
    for contour in find_contours(padded, 0.0):
        ring = contour[:-1].astype(np.float32)  # the last point is the first again
        simple = cv2.approxPolyDP(ring, _TOLERANCE, closed=True)[:, 0, ::-1]
        if len(simple) >= 3:
            rings.append((simple - 0.5) / scale + corner)
    if not rings:
        return []
    rings.sort(key=lambda ring: -abs(_area(ring)))
    outer, holes = rings[0], rings[1:]
    direction = np.sign(_area(outer))
    return [
        Outline(
            points=_rounded(outer),
            # Other outer rings of a part touch it at a corner alone: specks.
            holes=[_rounded(h) for h in holes if np.sign(_area(h)) != direction],
        )
    ]


def _area(ring: Array) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) / 2)


def _rounded(ring: Array) -> Ring:
    return [[round(float(x), 2), round(float(y), 2)] for x, y in ring]
