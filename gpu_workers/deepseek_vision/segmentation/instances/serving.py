"""Instance segmenters behind `model_server`; loaded by entry point, without torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_vision.errors import VisionError
from deepseek_vision.images import Picture
from deepseek_vision.segmentation.instances.files import as_wire
from deepseek_vision.segmentation.instances.predict import load_instances
from deepseek_vision.segmentation.serving import described, read, threads_of


class ServedInstances:
    """A picture in; out comes each object with its box, polygons and mask."""

    def __init__(self, directory: Path, options: Mapping[str, Any]) -> None:
        num_threads = threads_of(options, kind="instance segmenters")
        self._model = load_instances(directory, num_threads=num_threads)

    def describe(self) -> dict[str, Any]:
        return described(self._model.config.classes)

    def read(self, image: bytes | NDArray[np.uint8]) -> Picture:
        return read(image)

    def answer(
        self, pictures: Sequence[Picture], options: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        return [
            self._answer(picture, wish)
            for picture, wish in zip(pictures, options, strict=True)
        ]

    def _answer(self, picture: Picture, wish: Mapping[str, Any]) -> dict[str, Any]:
        try:
            found = self._model.find(
                picture, score_threshold=wish.get("score_threshold")
            )
        except (VisionError, TypeError) as error:
            raise ValueError(str(error)) from None
        return as_wire(picture, found, boxes_only=bool(wish.get("boxes_only")))


def load(directory: Path, options: Mapping[str, Any]) -> ServedInstances:
    return ServedInstances(directory, options)
