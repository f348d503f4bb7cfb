import json
import shutil

import numpy as np
import pytest

from deepseek_vision.hub import SHIPPED
from model_server.onnx import OnnxRunner
from tests.unit.model_server.running import ModelServer

ort = pytest.importorskip("onnxruntime")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        "CUDAExecutionProvider" not in ort.get_available_providers(),
        reason="needs a CUDA device and onnxruntime-gpu",
    ),
]


@pytest.fixture
def graph(tmp_path):
    """Our detector's graph as anybody's: a folder with an ONNX file and no card."""
    shutil.copy(SHIPPED / "deepseek_vision_v2" / "model.onnx", tmp_path)
    return tmp_path


@pytest.fixture
def inputs():
    rng = np.random.default_rng(1)
    return {
        "pixels": rng.integers(0, 256, (4, 320, 320, 3), np.uint8),
        "prompts": rng.standard_normal((8, 384), np.float32),
    }


def options(device):
    return {"precision": "fp32", "device": device, "num_threads": 4}


def test_a_gpu_answers_as_the_cpu_does(graph, inputs):
    cpu = OnnxRunner(graph, options("cpu")).run(inputs)
    gpu = OnnxRunner(graph, options("cuda")).run(inputs)

    for name, expected in cpu.items():
        # Products are in TF32 there: ten bits of mantissa.
        scale = np.abs(expected).max()
        assert np.abs(gpu[name] - expected).max() <= 0.01 * scale, name


def test_a_server_on_a_gpu_answers_over_http(graph, inputs):
    server = ModelServer(f"m:1={graph}", "--device", "cuda", "--precision", "fp32")
    said = [
        {
            "name": name,
            "datatype": "UINT8" if value.dtype == np.uint8 else "FP32",
            "shape": value.shape,
            "data": value.ravel().tolist(),
        }
        for name, value in inputs.items()
    ]
    try:
        status, body = server.ask(
            "POST", "/v2/models/m/infer", json.dumps({"inputs": said})
        )
    finally:
        code = server.end()

    assert status == 200, body
    outputs = {each["name"]: each for each in json.loads(body)["outputs"]}
    expected = OnnxRunner(graph, options("cuda")).run(inputs)["logits"]
    assert np.allclose(
        np.reshape(outputs["logits"]["data"], expected.shape), expected, atol=1e-3
    )
    assert code == 0
