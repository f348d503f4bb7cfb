# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""ONNX Runtime sessions: fixed threads, the same bytes on every run. No torch here.

The graph takes `pixels` (uint8, B H W 3) and `prompts` (float32, P D) and gives
`logits` (B A P), `distances` (B A 4, pixels from the cell's centre to the left, top,
right and bottom side) and `complexity` (B). Cells A are ordered by level (strides 8,
16, 32), then row, then column.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnxruntime.capi import (  # type: ignore[import-untyped]
    onnxruntime_pybind11_state as ort_errors,
)

from deepseek_vision.errors import ModelFormatError
from deepseek_vision.hub import refuse_pickle
from deepseek_vision.images import Pixels

Array = NDArray[np.float32]
STRIDES = (8, 16, 32)
_INPUTS = {"pixels", "prompts"}
_OUTPUTS = ("logits", "distances", "complexity")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawOutput:
    logits_BAP: Array
    boxes_xyxy_BA4: Array
    complexity_B: Array


# The runtime's errors share no base narrower than Exception.
REFUSALS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


def session_options(num_threads: int) -> ort.SessionOptions:
    """One order of work on so many threads, which do not spin while they wait."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


class Session:
    """A loaded graph; safe to call from several threads."""

    def __init__(self, path: Path, *, num_threads: int = 1) -> None:
        refuse_pickle(path)
        try:
            self._session = ort.InferenceSession(
                path, session_options(num_threads), providers=["CPUExecutionProvider"]
            )
        except REFUSALS as error:
            reason = str(error).splitlines()[0]
            raise ModelFormatError(
                f"{path}: not a usable ONNX file ({reason})"
            ) from None
        names = {value.name for value in self._session.get_inputs()}
        outputs = {value.name for value in self._session.get_outputs()}
        if names != _INPUTS or not set(_OUTPUTS) <= outputs:
            raise ModelFormatError(
                f"{path}: is not a detector of this package (inputs "
                f"{', '.join(sorted(names))}; outputs {', '.join(sorted(outputs))})"
            )

    def run(self, pixels_BHW3: Pixels, prompts_PD: Array) -> RawOutput:
        logits, distances, complexity = self._session.run(
            list(_OUTPUTS), {"pixels": pixels_BHW3, "prompts": prompts_PD}
        )
        centres = cell_centres(pixels_BHW3.shape[1], pixels_BHW3.shape[2])
        boxes = np.concatenate(
            [centres - distances[..., :2], centres + distances[..., 2:]], axis=-1
        )
        return RawOutput(
            logits_BAP=logits, boxes_xyxy_BA4=boxes, complexity_B=complexity
        )


@lru_cache(maxsize=64)
def cell_centres(height: int, width: int) -> Array:
    """Centres (x, y) in pixels of all cells of a picture, in the graph's order."""
    levels = []
    for stride in STRIDES:
        rows, columns = np.mgrid[0 : height // stride, 0 : width // stride]
        points = np.stack([columns, rows], axis=-1).reshape(-1, 2)
        levels.append((points.astype(np.float32) + 0.5) * stride)
    return np.concatenate(levels)
