"""The click segmenter behind `model_server`; loaded by entry point, without torch."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_vision.errors import ImageError, ModelFormatError
from deepseek_vision.images import Picture, read_picture
from deepseek_vision.segmentation.click.colors import outlines_by_color
from deepseek_vision.segmentation.click.directory import load_click_model
from deepseek_vision.segmentation.click.outlines import Outline, outlines_of
from deepseek_vision.segmentation.click.prompts import Prompt
from deepseek_vision.segmentation.click.segmenter import Recent, Segmenter

_MAX_PICTURES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPicture:
    key: str
    picture: Picture


class ServedClicks:
    """A picture and a prompt in, outlines out; pictures and embeddings are kept."""

    def __init__(self, directory: Path, options: Mapping[str, Any]) -> None:
        if options["device"] != "cpu":
            raise ModelFormatError(
                "click models serve on the CPU; leave --device cuda out"
            )
        model = load_click_model(directory, num_threads=options["num_threads"])
        self._segmenter = Segmenter(model)
        self._pictures: Recent[str, KnownPicture] = Recent(_MAX_PICTURES)

    def describe(self) -> dict[str, Any]:
        return {"platform": "onnxruntime_onnx"}

    def read(self, image: bytes | NDArray[np.uint8]) -> KnownPicture:
        data = image if isinstance(image, bytes) else image.tobytes()
        key = hashlib.blake2b(data, digest_size=16).hexdigest()

        def decode() -> KnownPicture:
            try:
                return KnownPicture(key=key, picture=read_picture(image))
            except ImageError as error:
                raise ValueError(str(error)) from None

        return self._pictures.get(key, decode)

    def answer(
        self, pictures: Sequence[KnownPicture], options: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        return [
            self._answer(known, wish.get("prompt") or {})
            for known, wish in zip(pictures, options, strict=True)
        ]

    def _answer(self, known: KnownPicture, wire: Mapping[str, Any]) -> dict[str, Any]:
        picture, prompt = known.picture, Prompt.from_wire(wire)
        size = {"width": picture.width, "height": picture.height}
        by_color, is_quick = wire.get("by") == "colors", bool(wire.get("quick"))
        outlines: list[Outline] = []
        is_final = True
        if by_color and not prompt.is_empty:
            outlines = outlines_by_color(picture, prompt, is_quick=is_quick)
            is_final = not is_quick
        elif prompt.is_empty:
            if not by_color:
                self._segmenter.prepare(picture, key=known.key, prompt=prompt)
        else:
            answer = self._segmenter.answer(
                picture, prompt, key=known.key, is_quick=is_quick
            )
            outlines, is_final = outlines_of(answer, prompt), answer.is_final
        return {
            **size,
            "is_final": is_final,
            "outlines": [
                {"points": each.points, "holes": each.holes} for each in outlines
            ],
        }


def load(directory: Path, options: Mapping[str, Any]) -> ServedClicks:
    return ServedClicks(directory, options)
