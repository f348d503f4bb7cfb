"""This package's models behind `model_server`; loaded by entry point, without torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_vision.errors import ImageError, ModelFormatError, VisionError
from deepseek_vision.images import Picture
from deepseek_vision.predict import ObjectDetector, load_model


class ServedDetector:
    """Pictures in, detections out; requests that ask the same run as one batch."""

    def __init__(self, directory: Path, options: Mapping[str, Any]) -> None:
        if options["device"] != "cpu":
            raise ModelFormatError(
                "this detector serves on the CPU; leave --device cuda out"
            )
        self._detector = ObjectDetector(
            load_model(
                directory,
                precision=options["precision"] or "int8",
                num_threads=options["num_threads"],
            )
        )

    def describe(self) -> dict[str, Any]:
        classes = self._detector.model.classes
        return {"platform": "onnxruntime_onnx", "labels": list(classes)}

    def read(self, image: bytes | NDArray[np.uint8]) -> Picture:
        read = self._detector.try_read(image)
        if isinstance(read, ImageError):
            raise ValueError(str(read))
        return read

    def answer(
        self, pictures: Sequence[Picture], options: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        if all(each == options[0] for each in options):
            return self._answer(pictures, options[0])
        pairs = zip(pictures, options, strict=True)
        return [self._answer([one], wish)[0] for one, wish in pairs]

    def _answer(
        self, pictures: Sequence[Picture], options: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        try:
            query = self._detector.query(
                text=options.get("text"),
                score_threshold=options.get("score_threshold"),
            )
        except (VisionError, TypeError) as error:
            raise ValueError(str(error)) from None
        return [
            {
                "width": found.width,
                "height": found.height,
                "detections": [
                    {
                        "label": row["class"],
                        "score": row["score"],
                        "bbox": [round(side, 2) for side in row["bbox"]],
                    }
                    for row in found.as_dicts()
                ],
            }
            for found in self._detector.find_pictures(pictures, query)
        ]


def load(directory: Path, options: Mapping[str, Any]) -> ServedDetector:
    return ServedDetector(directory, options)
