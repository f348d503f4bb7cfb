"""Our own detectors as they serve, with what happens inside within reach."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]

from deepseek_diagnostics.errors import DataError
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.errors import VisionError
from deepseek_vision.hub import PRECISIONS, ModelDirectory, find_model
from deepseek_vision.images import Pixels
from deepseek_vision.predict import Model, ObjectDetector
from deepseek_vision.runtime import (
    Array,
    RawOutput,
    Session,
    cell_centres,
    session_options,
)

_OUTPUTS = ("logits", "distances", "complexity")


class TracedSession(Session):
    """A session that also keeps the vector behind its last answer."""

    def __init__(self, graph: bytes, *, vector: str, num_threads: int) -> None:
        self._session = ort.InferenceSession(
            graph, session_options(num_threads), providers=["CPUExecutionProvider"]
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
