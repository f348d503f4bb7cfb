"""Segmenters behind `model_server`; loaded by entry point, without torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_vision.errors import ImageError
from deepseek_vision.images import Picture
from deepseek_vision.segmentation.semantic.predict import ClassMap, load_segmenter
from deepseek_vision.segmentation.serving import described, read, threads_of


class ServedSegmenter:
    """A picture in; out comes, for each class found, its area and its mask."""

    def __init__(self, directory: Path, options: Mapping[str, Any]) -> None:
        num_threads = threads_of(options, kind="segmenters")
        self._model = load_segmenter(directory, num_threads=num_threads)

    def describe(self) -> dict[str, Any]:
        return described(self._model.config.classes)

    def read(self, image: bytes | NDArray[np.uint8]) -> Picture:
        return read(image)

    def answer(
        self, pictures: Sequence[Picture], options: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        del options  # there is nothing to choose
        return [self._answer(picture) for picture in pictures]

    def _answer(self, picture: Picture) -> dict[str, Any]:
        try:
            found = self._model.segment(picture)
        except ImageError as error:
            raise ValueError(str(error)) from None
        segments = []
        for number, name in enumerate(self._model.config.classes, start=1):
            mask = found.classes_HW == number
            if mask.any():
                segments.append(
                    {
                        "label": name,
                        "area": int(np.count_nonzero(mask)),
                        "certainty": round(float(found.certainty_HW[mask].mean()), 4),
                        "mask": run_lengths(mask),
                    }
                )
        size = {"width": picture.width, "height": picture.height}
        return {**size, "segments": segments}


def run_lengths(mask_HW: NDArray[np.bool_] | ClassMap) -> dict[str, Any]:
    """COCO's uncompressed form: runs down the columns, of 0 first."""
    flat = np.asarray(mask_HW, np.bool_).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    height, width = mask_HW.shape
    return {"size": [height, width], "counts": [0, *counts] if flat[0] else counts}


def load(directory: Path, options: Mapping[str, Any]) -> ServedSegmenter:
    return ServedSegmenter(directory, options)
