"""The runtime's own trace of a model, and what this machine could do at best."""

import json
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.errors import NotApplicableError
from deepseek_diagnostics.graphs import Array, layers_of, pixels_of, prompts_of
from deepseek_diagnostics.opening import serving_file
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.hub import PRECISIONS, find_model

ROUNDS = 12
# Sides of a picture whose size is open are multiples of this.
_CELL = 32
_DTYPES = {"tensor(uint8)": np.uint8, "tensor(int64)": np.int64}
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The graph that serves, and what it is fed for one picture.

    Attributes:
        picture: Which of the inputs is the picture.
    """

    file: Path
    feed: dict[str, Array]
    picture: str

    def open(self, num_threads: int, *, trace_to: Path | None = None) -> Any:
        """A session of the runtime; traced where a folder is named."""
        options = ort.SessionOptions()
        if trace_to is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(trace_to / "trace")
        options.intra_op_num_threads = num_threads
        options.log_severity_level = 3
        return ort.InferenceSession(
            self.file, options, providers=["CPUExecutionProvider"]
        )


def serving_of(case: Case, image: int) -> Serving:
    """Of our own detectors with a real picture; any other graph with one of its size.

    Raises:
        NotApplicableError: Several graphs serve, or one takes what nobody here knows.
    """
    if case.is_ours:
        _precision, file = serving_file(
            find_model(case.spec.model), case.spec.precision
        )
        ours: dict[str, Array] = {
            "pixels": pixels_of(case, image),
            "prompts": prompts_of(case),
        }
        return Serving(file=file, feed=ours, picture="pixels")
    folder = Path(case.spec.model)
    files = [folder / name for name in PRECISIONS.values() if (folder / name).is_file()]
    files = sorted(files, key=lambda one: "int8" not in one.name)
    [file, *more] = files[:1] or [*folder.glob("*.onnx")]
    if more:
        raise NotApplicableError(
            _("the model is made of several graphs, which cannot be timed apart")
        )
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    side = case.side_px // _CELL * _CELL or _CELL
    feed = {one.name: _blank(one.shape, one.type, side) for one in session.get_inputs()}
    picture = max(feed, key=lambda name: feed[name].size)
    serving = Serving(file=file, feed=feed, picture=picture)
    try:
        session.run(None, feed)
    except Exception:  # noqa: BLE001 -- the runtime has no class of its own for it
        raise NotApplicableError(
            _("the model's graph takes more than a picture: time it where it serves")
        ) from None
    return serving


def _blank(shape: Sequence[int | str | None], kind: str, side: int) -> Array:
    """Grey in the form that an input wants; what is open is one picture of the side."""
    sizes = [
        one if isinstance(one, int) else 1 if at == 0 else side
        for at, one in enumerate(shape)
    ]
    dtype = _DTYPES.get(kind, np.float32)
    return np.full(sizes, side if dtype == np.int64 else 0.5, dtype)


def trace(case: Case, serving: Serving) -> Trace:
    """Run the graph that serves under the runtime's own profiler."""
    with tempfile.TemporaryDirectory() as folder:
        session = serving.open(case.spec.num_threads, trace_to=Path(folder))
        for _turn in range(ROUNDS):
            session.run(None, serving.feed)
        events = json.loads(Path(session.end_profiling()).read_text())
    graph = onnx.load(serving.file)
    kernels = {node.name: value.shape for node, value in layers_of(graph)}
    operators: dict[str, dict[str, float]] = {}
    layers: dict[str, dict[str, float]] = {}
    peak = 0.0
    for event in events:
        about = event.get("args", {})
        if event.get("cat") != "Node" or not event["name"].endswith("_kernel_time"):
            continue
        kind = about["op_name"]
        # Nodes need no name.
        name = event["name"].removesuffix("_kernel_time")
        name = name or f"{kind}_{about.get('node_index', '')}"
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
