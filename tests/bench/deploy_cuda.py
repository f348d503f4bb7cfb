"""A foreign graph in `model_server` on a GPU beside the same host's CPUs."""

import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from deepseek_vision.hub import SHIPPED
from model_server.onnx import OnnxRunner
from tests.bench.fire import fire, request_of
from tests.bench.rows import Row
from tests.unit.model_server.running import ModelServer

SIDE_PX, CALLERS, SECONDS, ROUNDS = 640, 8, 4.0, 5
DEVICES = ("cpu", "cuda")


def measure() -> Iterator[Row]:
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        sys.stderr.write("deploy_cuda: skipped, needs a GPU and onnxruntime-gpu\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder)
        shutil.copy(SHIPPED / "deepseek_vision_v2" / "model.onnx", graph)
        for batch in (1, 8, 32):
            yield from _runs(graph, batch)
        for device in DEVICES:
            yield from _served(graph, device)


def _inputs(batch: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {
        "pixels": rng.integers(0, 256, (batch, SIDE_PX, SIDE_PX, 3), np.uint8),
        "prompts": rng.standard_normal((8, 384), np.float32),
    }


def _runs(graph: Path, batch: int) -> Iterator[Row]:
    inputs = _inputs(batch)
    outputs: dict[str, Mapping[str, Any]] = {}
    for device in DEVICES:
        options = {"precision": "fp32", "device": device, "num_threads": 8}
        runner = OnnxRunner(graph, options)
        outputs[device] = runner.run(inputs)
        took = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            runner.run(inputs)
            took.append(time.perf_counter() - began)
        yield Row(
            what=f"{device}: pictures of {SIDE_PX} px, {batch} in a run",
            value=batch / statistics.median(took),
            unit="1/s",
        )
    yield Row(
        what=f"largest difference of a logit, {batch} in a run",
        value=float(np.abs(outputs["cuda"]["logits"] - outputs["cpu"]["logits"]).max()),
        unit="",
    )


def _served(graph: Path, device: str) -> Iterator[Row]:
    request = _request(_inputs(1))
    flags = ("--precision", "fp32", "--threads", "8", "--workers", "2")
    server = ModelServer(f"m:1={graph}", "--device", device, *flags)
    try:
        told = fire(
            "127.0.0.1", server.port, [request], num_threads=CALLERS, seconds=SECONDS
        )
    finally:
        server.end()
    assert str(told["statuses"]).startswith("{200:"), told
    yield Row(
        what=f"{device}: served over HTTP to {CALLERS} callers",
        value=float(str(told["per_s"])),
        unit="1/s",
    )


def _request(inputs: Mapping[str, Any]) -> bytes:
    """Tensors in binary, by the protocol's extension."""
    said = [
        {
            "name": name,
            "datatype": "UINT8" if value.dtype == np.uint8 else "FP32",
            "shape": value.shape,
            "parameters": {"binary_data_size": value.nbytes},
        }
        for name, value in inputs.items()
    ]
    asked = {"inputs": said, "parameters": {"binary_data_output": True}}
    head = json.dumps(asked).encode()
    body = head + b"".join(value.tobytes() for value in inputs.values())
    return request_of(
        "/v2/models/m/infer", body, f"Inference-Header-Content-Length: {len(head)}"
    )
