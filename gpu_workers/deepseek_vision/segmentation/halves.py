"""Weights in 16 bits or 8, which shrinks the files; arithmetic stays in 32."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from deepseek_vision.errors import ModelFormatError
from deepseek_vision.hub import make_readable, read_tensors

_LEAST_VALUES = 64  # smaller tensors stay as they are
_LEAST_FOR_BYTES = 512  # and these stay in 16 bits
_MOST = 127

Stored = tuple[list[TensorProto], list[NodeProto]]


def store_in_half(path: Path) -> None:
    """Keep large weights in 16 bits, widened by a cast that the runtime folds."""
    _store(path, lambda tensor, values, _axis: _in_half(tensor, values))


def store_in_bytes(path: Path) -> None:
    """Keep large weights in 8 bits, each channel in steps of its own.

    The runtime folds what widens them, so only the file is smaller; what it says moves
    by the rounding.
    """

    def store(tensor: TensorProto, values: NDArray[np.float32], axis: int) -> Stored:
        is_large = values.ndim > 1 and values.size >= _LEAST_FOR_BYTES
        return _in_bytes(tensor, values, axis) if is_large else _in_half(tensor, values)

    _store(path, store)


def _store(
    path: Path, store: Callable[[TensorProto, NDArray[np.float32], int], Stored]
) -> None:
    model = onnx.load(path)
    graph = model.graph
    # What a weight's channels are: the first axis of a convolution's, else the last.
    convolved = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    widened: list[NodeProto] = []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _LEAST_VALUES:
            continue
        axis = 0 if tensor.name in convolved else values.ndim - 1
        kept, nodes = store(tensor, values, axis)
        graph.initializer.remove(tensor)
        graph.initializer.extend(kept)
        widened += nodes
    nodes = [*widened, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _in_half(tensor: TensorProto, values: NDArray[np.float32]) -> Stored:
    half = numpy_helper.from_array(
        values.astype(np.float16), name=f"{tensor.name}_half"
    )
    cast = helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT)
    return [half], [cast]


def _in_bytes(tensor: TensorProto, values: NDArray[np.float32], axis: int) -> Stored:
    others = tuple(n for n in range(values.ndim) if n != axis)
    steps = np.abs(values).max(axis=others, keepdims=True) / np.float32(_MOST)
    steps = np.maximum(steps, np.finfo(np.float32).tiny)
    whole = np.clip(np.round(values / steps), -_MOST, _MOST).astype(np.int8)
    name = tensor.name
    kept = [
        numpy_helper.from_array(whole, name=f"{name}_bytes"),
        numpy_helper.from_array(steps, name=f"{name}_steps"),
    ]
    cast = helper.make_node(
        "Cast", [f"{name}_bytes"], [f"{name}_whole"], to=TensorProto.FLOAT
    )
    scale = helper.make_node("Mul", [f"{name}_whole", f"{name}_steps"], [name])
    return kept, [cast, scale]


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the weights of `model` as safetensors, which stays as it is."""
    save_file({name: _stored(value) for name, value in _weights(model).items()}, path)
    make_readable(path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Fill `model` with what `save_weights` wrote.

    Raises:
        ModelFormatError: it is missing, no safetensors, or of another architecture.
    """
    read_tensors(path)  # refuses what is no such file, with the reason
    given = load_file(path)
    own = _weights(model)
    wrong = [
        name
        for name in sorted(own.keys() | given.keys())
        if name not in own or name not in given or own[name].shape != given[name].shape
    ]
    if wrong:
        raise ModelFormatError(
            f"{path}: holds another architecture; {len(wrong)} tensors do not fit, "
            f"the first is {wrong[0]}"
        )
    model.load_state_dict({n: v.float() for n, v in given.items()}, strict=False)


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {n: v for n, v in model.state_dict().items() if v.is_floating_point()}


def _stored(value: Tensor) -> Tensor:
    kept = value.detach().cpu().contiguous()
    return kept.half() if kept.numel() >= _LEAST_VALUES and kept.ndim > 1 else kept
