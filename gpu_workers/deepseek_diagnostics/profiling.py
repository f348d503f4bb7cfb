"""The runtime's own trace of a model, and what this machine could do at best."""

import json
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.graphs import layers_of, pixels_of, prompts_of
from deepseek_diagnostics.observing import serving_file
from deepseek_vision.hub import find_model

ROUNDS = 12
# What the runtime appends to the names of nodes that it fuses.
_RENAMED = re.compile(r"(_quant|_nchwc|_token_\d+)+$")
SUMS = ("nodes", "us", "weights", "inputs", "outputs")
WIDTHS = {"uint8": 1, "int8": 1, "bool": 1, "float16": 2, "int64": 8, "double": 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One run of a graph, taken apart.

    Attributes:
        operators: By name how many nodes, microseconds, and bytes of weights, of what
            comes in and of what goes out, in all of them.
        layers: Of convolutions microseconds, operations and bytes, by node.
        peak_bytes: What the runtime held at most beside the weights.
    """

    operators: dict[str, dict[str, float]]
    layers: dict[str, dict[str, float]]
    peak_bytes: float


def trace(case: Case, image: int) -> Trace:
    """Run the graph that serves under the runtime's own profiler."""
    _precision, file = serving_file(find_model(case.spec.model), case.spec.precision)
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "trace")
        options.intra_op_num_threads = case.spec.num_threads
        options.log_severity_level = 3
        session = ort.InferenceSession(
            file, options, providers=["CPUExecutionProvider"]
        )
        feed = {"pixels": pixels_of(case, image), "prompts": prompts_of(case)}
        for _turn in range(ROUNDS):
            session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text())
    kernels = {node.name: value.shape for node, value in layers_of(onnx.load(file))}
    operators: dict[str, dict[str, float]] = {}
    layers: dict[str, dict[str, float]] = {}
    peak = 0.0
    for event in events:
        about = event.get("args", {})
        if event.get("cat") != "Node" or not event["name"].endswith("_kernel_time"):
            continue
        name, kind = event["name"].removesuffix("_kernel_time"), about["op_name"]
        peak = max(peak, float(about.get("mem_in_use_peak", 0)))
        node = _node(about, kernels.get(_RENAMED.sub("", name)))
        row = operators.setdefault(kind, dict.fromkeys(SUMS, 0.0))
        for key, value in zip(SUMS, (1, event["dur"], *node[:3]), strict=True):
            row[key] += value / ROUNDS
        if "Conv" in kind:
            layer = layers.setdefault(
                name.removesuffix("_quant"),
                {"us": 0.0, "flops": node.flops, "bytes": sum(node[:3])},
            )
            layer["us"] += event["dur"] / ROUNDS
    return Trace(operators=operators, layers=layers, peak_bytes=peak)


class _Node(NamedTuple):
    """Bytes of a node's weights, of what comes in and goes out; its operations."""

    weights: float
    inputs: float
    outputs: float
    flops: float


def _node(about: dict[str, Any], kernel: tuple[int, ...] | None) -> _Node:
    """What the trace says of a node; multiply-adds count twice.

    Args:
        about: Of its event.
        kernel: Of the convolution of its name. The trace has lost those of 8 bits,
            which the runtime packs for the processor.
    """
    inputs = [next(iter(one.items())) for one in about.get("input_type_shape", [])]
    outputs = [next(iter(one.items())) for one in about.get("output_type_shape", [])]
    into = float(about.get("activation_size", 0))
    weights = max(0.0, sum(map(_bytes, inputs)) - into)
    shapes = [tuple(shape) for _kind, shape in inputs[1:] if len(shape) == 4]
    if "Conv" not in about["op_name"]:
        kernel = None
    elif shapes:
        kernel = shapes[0]  # a sum that was fused into it comes after
    elif kernel is not None:
        weights += float(np.prod(kernel))
    flops = (
        2.0 * float(np.prod(outputs[0][1])) * float(np.prod(kernel[1:]))
        if kernel
        else 0.0
    )
    return _Node(weights, into, sum(map(_bytes, outputs)), flops)


def _bytes(one: tuple[str, list[int]]) -> float:
    kind, shape = one
    return WIDTHS.get(kind, 4) * float(np.prod(shape))


def waits_for_memory(row: dict[str, float], flops: float, bytes_s: float) -> bool:
    return row["bytes"] / bytes_s > row["flops"] / flops


def roof() -> tuple[float, float]:
    """Operations and bytes a second that this machine reaches."""
    a = np.ones((512, 512), np.float32)
    flops = 2 * 512**3 / least_s(lambda: a @ a)
    large = np.ones(8_000_000, np.float32)
    return flops, 2 * large.nbytes / least_s(large.copy)


def least_s(act: Callable[[], object]) -> float:
    times = []
    for _turn in range(5):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return min(times)
