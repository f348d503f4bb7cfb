"""Through tritonclient over gRPC."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from tests.running import free_port
from tests.unit.model_server import graphs
from tests.unit.model_server.running import ModelServer


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, detector: Path) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("models")
    port = free_port()
    running = ModelServer(
        detector, graphs.adder(folder / "adder"), "--grpc-port", str(port)
    )
    yield f"127.0.0.1:{port}"
    assert running.end() == 0


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(address) as made:
        yield made


def _rows(values: np.ndarray, name: str = "x") -> triton.InferInput:
    rows = triton.InferInput(name, list(values.shape), "FP32")
    rows.set_data_from_numpy(values)
    return rows


def test_health_and_descriptions(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("adder")
    assert not client.is_model_ready("adder", "9")
    assert client.get_server_metadata().name == "dsportal-model-server"
    described = client.get_model_metadata("adder")
    assert (described.inputs[0].name, list(described.inputs[0].shape)) == ("x", [-1, 3])


def test_tensors_come_back_with_the_requests_id(client):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)

    answer = client.infer("adder", [_rows(values)], request_id="r7")

    np.testing.assert_array_equal(answer.as_numpy("y"), values + 1)
    assert answer.get_response().id == "r7"


def test_values_may_stand_in_the_message_itself(address):
    request = service_pb2.ModelInferRequest(model_name="adder")
    rows = request.inputs.add(name="x", datatype="FP32", shape=[1, 3])
    rows.contents.fp32_contents.extend([1, 2, 3])

    with grpc.insecure_channel(address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        answer = stub.ModelInfer(request)

    np.testing.assert_array_equal(
        np.frombuffer(answer.raw_output_contents[0], np.float32), [2, 3, 4]
    )


def test_a_picture_gives_boxes(client, part):
    image = triton.InferInput("image", [1], "BYTES")
    image.set_data_from_numpy(np.array([part.read_bytes()], np.object_))

    usual = client.infer("deepseek_vision_v2", [image])
    strict = client.infer(
        "deepseek_vision_v2", [image], parameters={"score_threshold": 0.99}
    )

    assert len(usual.as_numpy("boxes")) == len(usual.as_numpy("labels")) > 0
    assert len(strict.as_numpy("boxes")) == 0


@pytest.mark.parametrize(
    ("name", "values", "code", "said"),
    [
        ("adder", np.zeros((1, 4), "f4"), "INVALID_ARGUMENT", "shape"),
        ("nope", np.zeros((1, 3), "f4"), "NOT_FOUND", "there are:"),
    ],
)
def test_what_does_not_fit_is_named(client, name, values, code, said):
    with pytest.raises(InferenceServerException, match=said) as refused:
        client.infer(name, [_rows(values)])

    assert code in str(refused.value.status())
