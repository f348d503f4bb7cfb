# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""From a picture or a slice to each pixel's class. No torch here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepseek_vision.errors import ImageError
from deepseek_vision.images import FILL, Picture, Pixels
from deepseek_vision.segmentation.graphs import need_inputs, open_graph
from deepseek_vision.segmentation.semantic.directory import (
    ONNX_FILE,
    SegmenterConfig,
    find_segmenter,
)

Array = NDArray[np.float32]
ClassMap = NDArray[np.uint8]
# Logits C H W of pixels whose sides are a multiple of `MULTIPLE`.
Run = Callable[[Pixels], Array]

MULTIPLE = 16
_TILE = 768
_OVERLAP = 96  # more than what an answer depends on matters little
_MOST_WORKED_PX = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """Each pixel's class, 0 for none, and how likely the most likely one is."""

    classes_HW: ClassMap
    certainty_HW: Array


class SemanticModel:
    """A loaded segmenter; safe to call from several threads."""

    def __init__(self, config: SegmenterConfig, run: Run) -> None:
        self.config, self._run = config, run

    def segment(
        self, picture: Picture, *, spacing_mm: tuple[float, float] | None = None
    ) -> Segmentation:
        """Answer a picture at its own size.

        Args:
            picture: upright.
            spacing_mm: height and width of its pixels, where they are known.

        Raises:
            ImageError: it is too large to be answered.
        """
        size = self._worked_size(picture, spacing_mm)
        if size[0] * size[1] > _MOST_WORKED_PX:
            raise ImageError(
                f"image: {picture.width} x {picture.height} pixels become "
                f"{size[0]} x {size[1]} for {self.config.name}, more than "
                f"{_MOST_WORKED_PX:,}; cut it into parts"
            )
        image = Image.fromarray(picture.pixels)
        scaled = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
        shares = _softmax(self._in_tiles(scaled))
        own = (picture.width, picture.height)
        if own != size:
            shares = np.stack(
                [
                    np.asarray(
                        Image.fromarray(each).resize(own, Image.Resampling.BILINEAR)
                    )
                    for each in shares
                ]
            )
        return Segmentation(
            classes_HW=shares.argmax(axis=0).astype(np.uint8),
            certainty_HW=shares.max(axis=0),
        )

    def _worked_size(
        self, picture: Picture, spacing_mm: tuple[float, float] | None
    ) -> tuple[int, int]:
        zoom_y = zoom_x = self.config.zoom
        if spacing_mm is not None and self.config.spacing_mm is not None:
            zoom_y *= spacing_mm[0] / self.config.spacing_mm
            zoom_x *= spacing_mm[1] / self.config.spacing_mm
        width, height = picture.width * zoom_x, picture.height * zoom_y
        return max(1, round(width)), max(1, round(height))

    def _in_tiles(self, pixels_HW3: Pixels) -> Array:
        height, width = pixels_HW3.shape[:2]
        out = np.zeros((len(self.config.classes) + 1, height, width), np.float32)
        for top, bottom, keep_top in _spans(height):
            for left, right, keep_left in _spans(width):
                said = self._padded(pixels_HW3[top:bottom, left:right])
                part = said[:, keep_top - top :, keep_left - left :]
                out[:, keep_top:bottom, keep_left:right] = part
        return out

    def _padded(self, pixels_HW3: Pixels) -> Array:
        height, width = pixels_HW3.shape[:2]
        rows, columns = (-(-n // MULTIPLE) * MULTIPLE for n in (height, width))
        canvas = np.full((rows, columns, 3), FILL, np.uint8)
        canvas[:height, :width] = pixels_HW3
        return self._run(canvas)[:, :height, :width]


def load_segmenter(name: str | Path, *, num_threads: int = 1) -> SemanticModel:
    """Load a shipped segmenter by name, or the one a folder holds.

    Raises:
        UnknownModelError: listing the names that exist.
        ModelFormatError: the folder is no segmenter, or its graph does not fit.
    """
    folder, config = find_segmenter(name)
    path = folder / ONNX_FILE
    session = open_graph(path, num_threads=num_threads)
    need_inputs(session, path, names={"pixels"})

    def run(pixels_HW3: Pixels) -> Array:
        logits: Array = session.run(["logits"], {"pixels": pixels_HW3[None]})[0][0]
        return logits

    return SemanticModel(config, run)


def _spans(length: int) -> Iterator[tuple[int, int, int]]:
    """Begin, end, and from where a tile's answer is kept; later tiles win."""
    if length <= _TILE:
        yield 0, length, 0
        return
    step = _TILE - _OVERLAP
    for begin in range(0, length - _OVERLAP, step):
        start = max(0, min(begin, length - _TILE)) // MULTIPLE * MULTIPLE
        end = min(start + _TILE, length)
        # The last tile takes what is left beside the multiple.
        end = length if length - end < MULTIPLE else end
        yield start, end, begin + (_OVERLAP // 2 if begin else 0)


def _softmax(logits_CHW: Array) -> Array:
    shifted = np.exp(logits_CHW - logits_CHW.max(axis=0))
    shares: Array = shifted / shifted.sum(axis=0)
    return shares
