import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from model_server.errors import ModelError
from model_server.onnx import OnnxRunner, open_session
from tests.unit.model_server import graphs

OPTIONS = {"device": "cuda", "num_threads": 1}


@pytest.mark.skipif(
    "CUDAExecutionProvider" in ort.get_available_providers(),
    reason="this ONNX Runtime has CUDA",
)
def test_cuda_is_refused_where_the_runtime_has_none(tmp_path):
    graphs.adder(tmp_path, plus=1)

    with pytest.raises(ModelError, match="install onnxruntime-gpu"):
        open_session(tmp_path / "model.onnx", OPTIONS)


def test_a_cuda_that_does_not_start_is_an_error_and_no_slow_answer(
    tmp_path, monkeypatch
):
    graphs.adder(tmp_path, plus=1)
    # As on a host with onnxruntime-gpu and without a driver.
    monkeypatch.setattr(
        ort,
        "get_available_providers",
        lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
    )
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    start = ort.InferenceSession
    monkeypatch.setattr(
        ort,
        "InferenceSession",
        lambda path, settings, providers: start(path, settings, providers[1:]),
    )

    with pytest.raises(ModelError, match="CUDA does not start"):
        open_session(tmp_path / "model.onnx", OPTIONS)


@pytest.mark.parametrize(
    ("left", "right", "out", "is_batchable"),
    [
        (["n", 3], ["n", 3], ["n", 3], True),
        ([None, 3], [None, 3], [None, 3], True),
        (["n", 3], ["prompts", 3], ["n", 3], False),
        (["n", 3], ["n", 3], ["found", 3], False),
        ([1, 3], [1, 3], [1, 3], False),
        (["n", 3], [], ["n", 3], False),
    ],
)
def test_requests_share_a_run_where_all_tensors_count_the_same_rows(
    tmp_path, left, right, out, is_batchable
):
    graphs.save(
        tmp_path,
        [helper.make_node("Add", ["x", "y"], ["z"])],
        [
            graphs.tensor("x", TensorProto.FLOAT, left),
            graphs.tensor("y", TensorProto.FLOAT, right),
        ],
        [graphs.tensor("z", TensorProto.FLOAT, out)],
    )

    runner = OnnxRunner(tmp_path, {"device": "cpu", "num_threads": 1, "precision": ""})

    assert runner.is_batchable is is_batchable
