"""A foreign picture model behind the common face: detect, classify or segment."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_server.errors import ModelError
from model_server.onnx import find_weights, open_session
from model_server.vision.decoders import DETECTORS, softmax, suppress
from model_server.vision.pictures import Picture, Pixels, read_picture
from model_server.vision.settings import VisionConfig

Array = NDArray[Any]
KINDS = (*DETECTORS, "classes", "segments")
_MAX_CANDIDATES = 1000
_TOP = 5


class VisionRunner:
    def __init__(self, directory: Path, options: Mapping[str, Any]) -> None:
        self.config = VisionConfig.read(directory / "config.json")
        kind = self.config.decode.kind
        if kind not in KINDS:
            raise ModelError(
                f"{directory}: decode.kind {kind!r} is not one of {', '.join(KINDS)}"
            )
        weights = find_weights(directory, options["precision"])
        self._session = open_session(weights, options)
        inputs = {value.name for value in self._session.get_inputs()}
        self._names = {value.name for value in self._session.get_outputs()}
        size_input = self.config.input.size_input
        pictures = sorted(inputs - {size_input})
        if len(pictures) != 1 or (size_input and size_input not in inputs):
            raise ModelError(
                f"{directory}: the graph takes {', '.join(sorted(inputs))}; expected "
                "one picture" + (f" and {size_input!r}" if size_input else "")
            )
        self._input = pictures[0]
        self._outputs = self._ordered()

    def describe(self) -> dict[str, Any]:
        return {"platform": "onnxruntime_onnx", "labels": list(self.config.classes)}

    def read(self, image: bytes | Pixels) -> Picture:
        return read_picture(image, self.config.input)

    def answer(
        self, pictures: Sequence[Picture], options: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        return [self._answer(*each) for each in zip(pictures, options, strict=True)]

    def _ordered(self) -> list[str]:
        """Outputs in the order that the decoder takes them, where config names them."""
        listed = self.config.decode.outputs
        roles = [
            role for role in ("labels", "logits", "boxes", "scores") if role in listed
        ]
        if not roles:
            return [value.name for value in self._session.get_outputs()]
        if unknown := [
            listed[role] for role in roles if listed[role] not in self._names
        ]:
            raise ModelError(f"the graph has no output {', '.join(unknown)}")
        return [listed[role] for role in roles]

    def _answer(self, picture: Picture, options: Mapping[str, Any]) -> dict[str, Any]:
        feed: dict[str, Array] = {self._input: picture.tensor[None]}
        seen = self.config.input
        if seen.size_input:
            feed[seen.size_input] = np.array([[seen.width, seen.height]], np.int64)
        outputs = [each[0] for each in self._session.run(self._outputs, feed)]
        if any(np.isnan(each).any() for each in outputs):
            # It would be answered as a picture without objects.
            raise ModelError("the model answers with NaN: its weights are damaged")
        answer: dict[str, Any] = {"width": picture.width, "height": picture.height}
        least = threshold(options, self.config.score_threshold)
        kind = self.config.decode.kind
        if kind == "classes":
            return {**answer, "labels": self._classes(outputs[0])}
        if kind == "segments":
            return {**answer, "segments": self._segments(outputs[0], picture)}
        return {**answer, "detections": self._boxes(outputs, picture, least)}

    def _boxes(
        self, outputs: Sequence[Array], picture: Picture, least: float
    ) -> list[dict[str, Any]]:
        decode = self.config.decode
        boxes, table = DETECTORS[decode.kind](outputs, decode, self.config.input)
        rows, classes = np.nonzero(table >= max(least, 1e-6))
        scores = table[rows, classes]
        if len(scores) > _MAX_CANDIDATES:
            best = np.argsort(-scores, kind="stable")[:_MAX_CANDIDATES]
            rows, classes, scores = rows[best], classes[best], scores[best]
        limit = np.array([picture.width, picture.height] * 2)
        found = np.clip(boxes[rows] * np.array(picture.scale * 2), 0, limit)
        kept = suppress(
            found,
            scores,
            classes,
            iou=self.config.iou_threshold,
            max_num=self.config.max_detections,
        )
        return [
            {
                "label": self._name(int(classes[row])),
                "score": round(float(scores[row]), 4),
                "bbox": [round(float(side), 2) for side in found[row]],
            }
            for row in kept
        ]

    def _classes(self, logits: Array) -> list[dict[str, Any]]:
        flat = logits.reshape(-1)
        scores = softmax(flat) if self.config.decode.is_logits else flat
        best = np.argsort(-scores, kind="stable")[:_TOP]
        return [
            {"label": self._name(int(row)), "score": round(float(scores[row]), 4)}
            for row in best
        ]

    def _segments(self, logits: Array, picture: Picture) -> list[dict[str, Any]]:
        """One mask a class that is there, as COCO's run lengths of the original."""
        classes = logits.argmax(axis=0)
        rows = np.arange(picture.height) / picture.scale[1]
        columns = np.arange(picture.width) / picture.scale[0]
        step = (
            logits.shape[1] / self.config.input.height,
            logits.shape[2] / self.config.input.width,
        )
        chosen = classes[
            np.minimum(rows * step[0], logits.shape[1] - 1).astype(int)[:, None],
            np.minimum(columns * step[1], logits.shape[2] - 1).astype(int)[None],
        ]
        size = [picture.height, picture.width]
        return [
            {
                "label": self._name(int(number)),
                "mask": {"size": size, "counts": run_lengths(chosen == number)},
            }
            for number in np.unique(chosen)
        ]

    def _name(self, number: int) -> str:
        classes = self.config.classes
        return classes[number] if number < len(classes) else f"class {number}"


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """COCO's: column by column, beginning with how many are off."""
    flat = mask.reshape(-1, order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = [0, *changes.tolist(), flat.size]
    lengths = [after - before for before, after in itertools.pairwise(edges)]
    return [0, *lengths] if flat.size and flat[0] else lengths


def threshold(options: Mapping[str, Any], default: float) -> float:
    value = options.get("score_threshold", default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"score_threshold must be a number, got {value!r}")
    if not 0 <= value <= 1:
        raise ValueError(f"score_threshold must be in [0, 1], got {value}")
    return float(value)


def load(directory: Path, options: Mapping[str, Any]) -> VisionRunner:
    return VisionRunner(directory, options)
