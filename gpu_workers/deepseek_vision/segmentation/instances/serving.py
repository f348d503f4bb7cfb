"""Instance segmenters behind `model_server`; loaded by entry point, without torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_vision.errors import ImageError, ModelFormatError, VisionError
from deepseek_vision.images import Picture, read_picture
from deepseek_vision.segmentation.instances.files import as_wire
from deepseek_vision.segmentation.instances.predict import load_instances


class ServedInstances:
    """A picture in; out comes each object with its box, polygons and mask."""

    def __init__(self, directory: Path, options: Mapping[str, Any]) -> None:
        if options["device"] != "cpu":
            raise ModelFormatError(
                "instance segmenters serve on the CPU; leave --device cuda out"
            )
        self._model = load_instances(directory, num_threads=options["num_threads"])

    def describe(self) -> dict[str, Any]:
        labels = list(self._model.config.classes)
        return {"platform": "onnxruntime_onnx", "labels": labels}

    def read(self, image: bytes | NDArray[np.uint8]) -> Picture:
        try:
            return read_picture(image)
        except ImageError as error:
            raise ValueError(str(error)) from None

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
        return as_wire(picture, found)


def load(directory: Path, options: Mapping[str, Any]) -> ServedInstances:
    return ServedInstances(directory, options)
