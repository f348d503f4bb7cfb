"""The runtime's own trace of a model, and what this machine could do at best."""

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.graphs import pixels_of, prompts_of
from deepseek_diagnostics.observing import serving_file
from deepseek_vision.hub import find_model

ROUNDS = 12


def trace(
    case: Case, image: int
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Microseconds by operator; of convolutions also work and bytes, by node."""
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
    operators: dict[str, float] = defaultdict(float)
    layers: dict[str, dict[str, float]] = {}
    for event in events:
        about = event.get("args", {})
        if event.get("cat") != "Node" or not event["name"].endswith("_kernel_time"):
            continue
        us = event["dur"] / ROUNDS
        operators[about.get("op_name", "?")] += us
        if "Conv" in about.get("op_name", ""):
            name = event["name"].removesuffix("_kernel_time").removesuffix("_quant")
            row = layers.setdefault(name, {"us": 0.0, **_work(about)})
            row["us"] += us
    return dict(operators), layers


def _work(about: dict[str, Any]) -> dict[str, float]:
    """Multiply-adds, twice, and bytes of a convolution from the shapes in the trace."""
    shapes = [next(iter(one.values())) for one in about.get("input_type_shape", [])]
    outputs = [next(iter(one.values())) for one in about.get("output_type_shape", [])]
    kernel = max((s for s in shapes[1:] if len(s) == 4), key=np.prod, default=[0])
    out = outputs[0] if outputs else [0]
    flops = 2.0 * float(np.prod(out)) * float(np.prod(kernel[1:]))
    width = 1 if "QLinear" in about.get("op_name", "") else 4
    elements = sum(
        float(np.prod(s)) for s in [shapes[0] if shapes else [0], kernel, out]
    )
    return {"flops": flops, "bytes": width * elements}


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
