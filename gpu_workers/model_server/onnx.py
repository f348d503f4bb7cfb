"""Any ONNX file through its own tensors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]

from model_server.errors import ModelError
from model_server.runners import Array, Tensors
from model_server.wire import DATATYPES

_TYPES = {
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(float16)": "FP16",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(bool)": "BOOL",
    "tensor(string)": "BYTES",
}
_CUDA = "CUDAExecutionProvider"
_PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": [_CUDA, "CPUExecutionProvider"],
}


def open_session(path: Path, options: Mapping[str, Any]) -> Any:
    """Open a graph with a fixed number of threads.

    Raises:
        ModelError: CUDA is asked for and this runtime has none, or it does not start.
    """
    device = options["device"]
    if device == "cuda":
        if _CUDA not in ort.get_available_providers():
            raise ModelError(
                "this ONNX Runtime has no CUDA: install onnxruntime-gpu in place of "
                "onnxruntime, or serve with --device cpu"
            )
        ort.preload_dlls()  # those that pip installed, where no search path leads
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = options["num_threads"]
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(path, settings, providers=_PROVIDERS[device])
    if device == "cuda" and _CUDA not in session.get_providers():
        # It would go on without a word, at the speed of a CPU.
        raise ModelError(
            "CUDA does not start: ONNX Runtime says above which library it misses "
            "(onnxruntime-gpu[cuda,cudnn] brings them); or serve with --device cpu"
        )
    return session


def find_weights(directory: Path, precision: str) -> Path:
    """The ONNX file to serve: int8 where there is one, unless told otherwise.

    Raises:
        ModelError: There is none.
    """
    if directory.is_file():
        return directory
    names = {"int8": "model.int8.onnx", "fp32": "model.onnx"}
    wanted = [names.get(precision, precision)] if precision else list(names.values())
    found = [directory / name for name in wanted if (directory / name).is_file()]
    others = sorted(directory.glob("*.onnx"))
    if not found and len(others) == 1 and not precision:
        found = others
    if not found:
        raise ModelError(
            f"{directory}: has no {' or '.join(wanted)}; there are: "
            f"{', '.join(path.name for path in others) or 'no ONNX files'}"
        )
    return found[0]


class OnnxRunner:
    """The graph's inputs and outputs, by their names."""

    def __init__(self, directory: Path, options: Mapping[str, Any]) -> None:
        path = find_weights(directory, options["precision"])
        self._session = open_session(path, options)
        self._inputs = [_Tensor(value) for value in self._session.get_inputs()]
        self._outputs = [_Tensor(value) for value in self._session.get_outputs()]
        # Rows of several requests go in one run only where all tensors count the same
        # rows: prompts, or what was found in all pictures, have a number of their own.
        rows = {each.rows for each in (*self._inputs, *self._outputs)}
        self.is_batchable = len(rows) == 1 and not isinstance(rows.pop(), int)

    def describe(self) -> dict[str, Any]:
        return {
            "platform": "onnxruntime_onnx",
            "inputs": [each.describe() for each in self._inputs],
            "outputs": [each.describe() for each in self._outputs],
        }

    def run(self, inputs: Tensors) -> dict[str, Array]:
        expected = {each.name: each for each in self._inputs}
        if inputs.keys() != expected.keys():
            raise ValueError(
                f"expected the inputs {', '.join(sorted(expected))}; got "
                f"{', '.join(sorted(inputs)) or 'none'}"
            )
        for name, value in inputs.items():
            expected[name].check(value)
        names = [each.name for each in self._outputs]
        return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))

    def example(self) -> dict[str, Array] | None:
        """Zeros to warm up with; None where a shape is open beyond the batch."""
        if any(-1 in each.shape[1:] for each in self._inputs):
            return None
        return {
            each.name: np.zeros([abs(side) for side in each.shape], each.dtype)
            for each in self._inputs
        }


class _Tensor:
    def __init__(self, value: Any) -> None:
        self.name: str = value.name
        self.datatype = _TYPES.get(value.type, "")
        if not self.datatype:
            raise ModelError(f"{self.name} is a {value.type}, which is not a tensor")
        self.dtype = DATATYPES[self.datatype]
        self.shape = [side if isinstance(side, int) else -1 for side in value.shape]
        # The first side as the graph names it: None where it is open without a name.
        self.rows: int | str | None = value.shape[0] if value.shape else 1

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "datatype": self.datatype, "shape": self.shape}

    def check(self, value: Array) -> None:
        if value.dtype != self.dtype:
            raise ValueError(
                f"{self.name} must be {self.datatype}, got {value.dtype.name.upper()}"
            )
        fits = len(value.shape) == len(self.shape) and all(
            wanted in (-1, given)
            for wanted, given in zip(self.shape, value.shape, strict=True)
        )
        if not fits:
            raise ValueError(
                f"{self.name} must have the shape {self.shape} (-1 is any), "
                f"got {list(value.shape)}"
            )


def load(directory: Path, options: Mapping[str, Any]) -> OnnxRunner:
    return OnnxRunner(directory, options)
