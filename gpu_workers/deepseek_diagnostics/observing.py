# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""One pass over the pictures, which every tool shares.

For each picture: the boxes that the model finds, the vector from which it judges the
picture as a whole, and what the pixels say without any model. Parts of fifty pictures
are kept in a cache by weights and picture, so a report that was cut off goes on, and
another report on the same pictures begins at once.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray

from deepseek_diagnostics.data import Boxes, Floats, ImageRow
from deepseek_diagnostics.errors import DataError
from deepseek_diagnostics.pictures import SIDE, STATISTICS, Seen, describe
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.errors import ImageError, VisionError
from deepseek_vision.hub import PRECISIONS, ModelDirectory, find_model
from deepseek_vision.images import Pixels, read_picture
from deepseek_vision.predict import Model, ObjectDetector
from deepseek_vision.runtime import Array, RawOutput, Session, cell_centres

VERSION = 1
PART = 50
LEAST_SCORE = 0.01
MOST_BOXES = 100
_OUTPUTS = ("logits", "distances", "complexity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """What one model saw in I pictures.

    Attributes:
        boxes: In the model's own classes.
        vectors_ID: The model's view of each picture; the pixels' where it has none.
        statistics_IS: See ``pictures.STATISTICS``.
        hashes_I: Perceptual, 64 bits.
        weights: SHA-256 of the file that ran.
        score_threshold: From which on a box counts, as the model says.
        side_px: The longest side of a picture that it looks at.
    """

    classes: tuple[str, ...]
    boxes: Boxes
    vectors_ID: Floats
    statistics_IS: Floats
    hashes_I: NDArray[np.uint64]
    weights: str
    score_threshold: float = 0.3
    side_px: int = 320

    def statistic(self, name: str) -> Floats:
        return self.statistics_IS[:, STATISTICS.index(name)]


class TracedSession(Session):
    """A session that also keeps the vector behind its last answer."""

    def __init__(self, graph: bytes, *, vector: str, num_threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )
        self._vector = vector
        self.last_BD: Array | None = None

    def run(self, pixels_BHW3: Pixels, prompts_PD: Array) -> RawOutput:
        names = [*_OUTPUTS, self._vector] if self._vector else list(_OUTPUTS)
        logits, distances, complexity, *more = self._session.run(
            names, {"pixels": pixels_BHW3, "prompts": prompts_PD}
        )
        self.last_BD = more[0].reshape(len(pixels_BHW3), -1) if more else None
        centres = cell_centres(pixels_BHW3.shape[1], pixels_BHW3.shape[2])
        boxes = np.concatenate(
            [centres - distances[..., :2], centres + distances[..., 2:]], axis=-1
        )
        return RawOutput(
            logits_BAP=logits, boxes_xyxy_BA4=boxes, complexity_B=complexity
        )


def serving_file(directory: ModelDirectory, precision: str) -> tuple[str, Path]:
    """The precision that serves, or the one asked for, and its file.

    Raises:
        DataError: It has none.
    """
    wanted = [precision] if precision else ["int8", "fp32"]
    for one in wanted:
        if one in PRECISIONS and (directory.path / PRECISIONS[one]).is_file():
            return one, directory.path / PRECISIONS[one]
    raise DataError(
        _(
            "{model} has no ONNX file of precision {wanted}: publish one with it "
            "(python -m deepseek_vision export)"
        ),
        model=directory.config.name,
        wanted="/".join(wanted),
    )


def open_detector(
    model: str | Path, *, precision: str = "", num_threads: int = 1
) -> tuple[ObjectDetector, TracedSession, str]:
    """A detector whose session is traced, and the SHA-256 of its weights.

    Raises:
        DataError: It is no detector that this package can run.
    """
    try:
        directory = find_model(model)
    except VisionError as error:
        raise DataError("{reason}", reason=str(error)) from None
    chosen, file = serving_file(directory, precision)
    content = file.read_bytes()
    graph, vector = traced(content)
    session = TracedSession(graph, vector=vector, num_threads=num_threads)
    loaded = Model(
        directory=directory,
        precision=chosen,
        session=session,
        prompts_PD=directory.read_prompts(),
    )
    digest = hashlib.sha256(content)
    digest.update(directory.config.to_json().encode())
    return ObjectDetector(loaded), session, digest.hexdigest()


def traced(content: bytes) -> tuple[bytes, str]:
    """Make the vector that the complexity is read off an output of the graph.

    Returns:
        The graph, and the name of the vector; empty where there is none.
    """
    model = onnx.load_from_string(content)
    made_by = {name: node for node in model.graph.node for name in node.output}
    name = "complexity"
    while name in made_by and made_by[name].op_type not in {"Gemm", "MatMul"}:
        if not made_by[name].input:
            return content, ""
        name = made_by[name].input[0]
    if name not in made_by:
        return content, ""
    vector = made_by[name].input[0]
    if vector not in made_by:
        return content, ""
    if all(one.name != vector for one in model.graph.output):
        model.graph.output.append(onnx.ValueInfoProto(name=vector))
    return model.SerializeToString(), vector


Told = Callable[[int], None]


def observe(
    images: Sequence[ImageRow],
    *,
    model: str | Path,
    precision: str,
    num_threads: int,
    cache: Path,
    tell: Told,
) -> Observations:
    """Run a model over pictures, or read from the cache what it said.

    Args:
        images: In the order of the answer.
        model: A shipped name or a directory.
        precision: Empty for the one that serves.
        num_threads: Of the runtime.
        cache: Parts are kept here.
        tell: Told after each picture how many are done; may raise to stop.

    Raises:
        DataError: A picture cannot be read, or the model's answers are no numbers.
    """
    detector, session, weights = open_detector(
        model, precision=precision, num_threads=num_threads
    )
    cache.mkdir(parents=True, exist_ok=True)
    parts: list[dict[str, NDArray[Any]]] = []
    for start in range(0, len(images), PART):
        some = images[start : start + PART]
        path = cache / f"{_key(weights, some)}.npz"
        part = _kept(path)
        if part is None:
            rows = []
            for row in _looked(detector, session, some):
                rows.append(row)
                tell(start + len(rows))
            part = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
            _keep(path, part)
        tell(start + len(some))
        parts.append({**part, "image": part["image"] + start})
    joined = {key: np.concatenate([one[key] for one in parts]) for key in parts[0]}
    return Observations(
        classes=detector.model.classes,
        boxes=Boxes(
            image_M=joined["image"],
            boxes_M4=joined["boxes"],
            scores_M=joined["scores"],
            classes_M=joined["classes"],
        ),
        vectors_ID=joined["vectors"],
        statistics_IS=joined["statistics"],
        hashes_I=joined["hashes"],
        weights=weights,
        score_threshold=detector.model.directory.config.score_threshold,
        side_px=detector.model.directory.config.side_px,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """What the pixels of I pictures say, without any model."""

    hashes_I: NDArray[np.uint64]
    cells_I64: Floats


def look_only(images: Sequence[ImageRow], *, cache: Path, tell: Told) -> Looks:
    """Read pictures without running a model, or from the cache what they said.

    Raises:
        DataError: A picture cannot be read.
    """
    cache.mkdir(parents=True, exist_ok=True)
    parts: list[dict[str, NDArray[Any]]] = []
    for start in range(0, len(images), PART):
        some = images[start : start + PART]
        path = cache / f"{_key('pixels', some)}.npz"
        part = _kept(path)
        if part is None:
            seen = [_described(row) for row in some]
            part = {
                "hashes": np.array([one.hash64 for one in seen], np.uint64),
                "cells": np.array([one.vector_D[-64:] for one in seen]),
            }
            _keep(path, part)
        parts.append(part)
        tell(start + len(some))
    return Looks(
        hashes_I=np.concatenate([one["hashes"] for one in parts]),
        cells_I64=np.concatenate([one["cells"] for one in parts]),
    )


def _described(row: ImageRow) -> Seen:
    try:
        return describe(read_picture(row.path, wanted_side=SIDE).pixels)
    except ImageError as error:
        raise DataError("{reason}", reason=str(error)) from None


def _key(weights: str, images: Sequence[ImageRow]) -> str:
    digest = hashlib.sha256(f"{VERSION} {weights}".encode())
    for row in images:
        digest.update(row.digest.encode())
    return digest.hexdigest()


def _kept(path: Path) -> dict[str, NDArray[Any]] | None:
    if not path.exists():
        return None
    os.utime(path)
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def _keep(path: Path, part: dict[str, NDArray[Any]]) -> None:
    partial = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    np.savez(partial, allow_pickle=False, **part)
    partial.replace(path)


def _looked(
    detector: ObjectDetector,
    session: TracedSession,
    images: Sequence[ImageRow],
) -> Iterator[dict[str, NDArray[Any]]]:
    query = detector.query(score_threshold=LEAST_SCORE)
    for number, row in enumerate(images):
        try:
            picture = read_picture(row.path)
        except ImageError as error:
            raise DataError("{reason}", reason=str(error)) from None
        found = detector.find_pictures([picture], query)[0]
        scores = found.scores_N[:MOST_BOXES].astype(np.float64)
        boxes = found.boxes_xyxy_N4[:MOST_BOXES].astype(np.float64)
        seen = describe(picture.pixels)
        vector = session.last_BD[0] if session.last_BD is not None else seen.vector_D
        is_number = np.isfinite(vector).all() and np.isfinite(found.complexity)
        if not (is_number and np.isfinite(scores).all() and np.isfinite(boxes).all()):
            raise DataError(
                _(
                    "the model answers {picture} with NaN or infinity: its weights are "
                    "damaged; publish the checkpoint before they were, or train again"
                ),
                picture=row.name,
            )
        yield {
            "image": np.full(len(scores), number, np.int64),
            "boxes": boxes.reshape(-1, 4),
            "scores": scores,
            "classes": found.classes_N[:MOST_BOXES].astype(np.int64),
            "vectors": np.asarray(vector, np.float64)[None],
            "statistics": seen.statistics_S[None],
            "hashes": np.array([seen.hash64], np.uint64),
        }
