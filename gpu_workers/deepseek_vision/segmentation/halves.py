"""Weights in 16 bits, which halves the files; arithmetic stays in 32."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from deepseek_vision.errors import ModelFormatError
from deepseek_vision.hub import make_readable, read_tensors

_LEAST_VALUES = 64  # smaller tensors stay as they are


def store_in_half(path: Path) -> None:
    """Keep large weights in 16 bits, widened by a cast that the runtime folds."""
    model = onnx.load(path)
    graph = model.graph
    casts = []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _LEAST_VALUES:
            continue
        half = numpy_helper.from_array(
            values.astype(np.float16), name=f"{tensor.name}_half"
        )
        graph.initializer.remove(tensor)
        graph.initializer.append(half)
        casts.append(
            helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT)
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)


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
