"""A box or a mask followed from frame to frame, and sought where it was lost.

Each frame is looked at through a square window around where the object was last seen,
at three scales; the correlation's highest peak is where it lies now. The mask of the
box is asked of the click decoder on the window of that frame.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepseek_vision.images import FILL, Picture
from deepseek_vision.segmentation.click.directory import ClickModel
from deepseek_vision.segmentation.click.graphs import OwnGraphs
from deepseek_vision.segmentation.click.prompts import Box, Prompt
from deepseek_vision.segmentation.click.segmenter import Segmenter
from deepseek_vision.segmentation.tracking.correlation import (
    Array,
    CorrelationFilter,
    Peak,
)

Bits = NDArray[np.bool_]
_SIDE_PX = 224
_CELLS = _SIDE_PX // 8
_GROUND = 2.2  # a window's side, in sides of the object
_LEAST_PX = 16.0
_SCALES = (0.95, 1.0, 1 / 0.95)
# Heights of peaks, where 1 is what was learned.
_LOST = 0.15  # lower ones are noise
_FOUND = 0.35  # what is elsewhere must be surer than what is near


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecipe:
    """`rate` is how fast the look is learned, `steady` what another scale must beat."""

    rate: float = 0.025
    steady: float = 0.97


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Where the object is in a frame; where it is lost, where it was last seen.

    `certainty` is the height of the peak, 1 where all is as it was learned.
    """

    box: Box
    certainty: float
    is_lost: bool


class Tracker:
    """Follows one object from the frame it is made with."""

    def __init__(
        self,
        model: ClickModel,
        picture: Picture,
        box: Box,
        *,
        recipe: TrackRecipe | None = None,
    ) -> None:
        """Learn what is in the box.

        Raises:
            ValueError: the box has no area, lies outside, or the model is of another
                kind than this package's own.
        """
        if not isinstance(model.graphs, OwnGraphs):
            raise ValueError(f"{model.name} cannot track: its features are not known")
        left, top, right, bottom = box
        inside = left < picture.width and top < picture.height
        if right <= left or bottom <= top or right <= 0 or bottom <= 0 or not inside:
            raise ValueError(f"the box must have an area in the picture, got {box}")
        self._graphs, self._recipe = model.graphs, recipe or TrackRecipe()
        self._middle = np.array([left + right, top + bottom]) / 2
        self._size = np.array([right - left, bottom - top], float)
        about = max(float(self._size.prod()) ** 0.5, 0.8 * float(self._size.max()))
        self._side = _GROUND * max(about, _LEAST_PX)
        cells = float(self._size.prod()) ** 0.5 / self._side * _CELLS
        self._filter = CorrelationFilter((_CELLS, _CELLS), object_cells=cells)
        self._filter.learn(self._look(picture, self._middle, self._side), rate=1)

    def follow(self, picture: Picture) -> Seen:
        """Find the object in the next frame; search all of it where it is not near."""
        middle, side, peak = self._best(picture, self._middle)
        if peak.height < _LOST:
            found = [self._best(picture, at) for at in self._places(picture)]
            middle, side, peak = max(found, key=lambda each: each[2].height)
            if peak.height < _FOUND:
                return Seen(
                    box=self._box(), certainty=max(0.0, peak.height), is_lost=True
                )
        self._size = self._size * (side / self._side)
        self._middle, self._side = middle, side
        self._filter.learn(self._look(picture, middle, side), rate=self._recipe.rate)
        return Seen(box=self._box(), certainty=min(1.0, peak.height), is_lost=False)

    def _best(
        self, picture: Picture, about: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float, Peak]:
        """The middle, the window's side and the peak at the scale that fits best."""
        answers = []
        for scale in _SCALES:
            side = self._side * scale
            peak = self._filter.find(self._look(picture, about, side))
            share = 1.0 if scale == 1 else self._recipe.steady
            answers.append((peak.height * share, side, peak))
        _, side, peak = max(answers, key=lambda each: each[0])
        shift = np.array([peak.right, peak.down]) * (side / _CELLS)
        return about + shift, side, peak

    def _places(self, picture: Picture) -> Iterator[NDArray[np.float64]]:
        """Middles of windows that cover the picture, half over each other."""
        step = self._side / 2
        for y in np.arange(step / 2, picture.height, step):
            for x in np.arange(step / 2, picture.width, step):
                yield np.array([x, y])

    def _look(
        self, picture: Picture, middle: NDArray[np.float64], side: float
    ) -> Array:
        left, top = (float(v) for v in middle - side / 2)
        window = Image.fromarray(picture.pixels).transform(
            (_SIDE_PX, _SIDE_PX),
            Image.Transform.EXTENT,
            (left, top, left + side, top + side),
            Image.Resampling.BILINEAR,
            fillcolor=(FILL, FILL, FILL),
        )
        embedded = self._graphs.encode(np.asarray(window))
        features: Array = embedded.tensors["coarse"][0]
        return features

    def _box(self) -> Box:
        ends = *(self._middle - self._size / 2), *(self._middle + self._size / 2)
        left, top, right, bottom = (float(v) for v in ends)
        return left, top, right, bottom


def track(
    model: ClickModel, frames: Iterable[Picture], start: Box | Bits
) -> Iterator[tuple[Seen, Bits | None]]:
    """Follow a box, or the object of a mask, through frames, the first one included.

    Masks are given where the start was a mask and the object is not lost.

    Raises:
        ValueError: nothing is marked in the first frame.
    """
    wants_masks = not isinstance(start, tuple)
    box = start if isinstance(start, tuple) else _around(start)
    segmenter, tracker = Segmenter(model), None
    for number, picture in enumerate(frames):
        if tracker is None:
            tracker = Tracker(model, picture, box)
            seen = Seen(box=box, certainty=1.0, is_lost=False)
        else:
            seen = tracker.follow(picture)
        mask = None
        if wants_masks and not seen.is_lost:
            prompt = Prompt(box=_inside(seen.box, picture))
            answer = segmenter.answer(picture, prompt, key=number)
            mask = answer.mask(width=picture.width, height=picture.height)
        yield seen, mask


def _around(mask_HW: Bits) -> Box:
    rows, columns = (np.flatnonzero(mask_HW.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        raise ValueError("the mask of the first frame marks nothing")
    return (
        float(columns[0]),
        float(rows[0]),
        float(columns[-1] + 1),
        float(rows[-1] + 1),
    )


def _inside(box: Box, picture: Picture) -> Box:
    left, right = (min(max(v, 0.0), float(picture.width)) for v in box[::2])
    top, bottom = (min(max(v, 0.0), float(picture.height)) for v in box[1::2])
    return left, top, max(right, left + 1), max(bottom, top + 1)
