"""Through the client that most people use: tritonclient."""

import base64
import json
from collections.abc import Iterator

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException


@pytest.fixture(scope="module")
def client(server) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as made:
        yield made


def _rows(values: np.ndarray, *, binary: bool) -> triton.InferInput:
    rows = triton.InferInput("x", list(values.shape), "FP32")
    rows.set_data_from_numpy(values, binary_data=binary)
    return rows


def test_health_and_descriptions(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("adder")
    assert client.is_model_ready("adder", "1")
    assert client.get_server_metadata()["name"] == "dsportal-model-server"
    described = client.get_model_metadata("adder")
    assert described["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}]
    assert client.get_model_config("adder")["input"][0]["data_type"] == "TYPE_FP32"
    batches = {
        name: client.get_model_config(name)["dynamic_batching"]["preferred_batch_size"]
        for name in ("adder", "deepseek_vision_v2")
    }
    assert batches == {"adder": [8], "deepseek_vision_v2": [1]}
    states = {row["name"]: row["state"] for row in client.get_model_repository_index()}
    assert states == dict.fromkeys(("deepseek_vision_v2", "adder", "picker"), "READY")


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_tensors_in_both_forms_both_ways(client, binary_in, binary_out):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    wanted = triton.InferRequestedOutput("y", binary_data=binary_out)

    answer = client.infer(
        "adder", [_rows(values, binary=binary_in)], outputs=[wanted], request_id="r7"
    )

    np.testing.assert_array_equal(answer.as_numpy("y"), values + 1)
    assert answer.get_response()["id"] == "r7"


def test_requests_that_come_together_get_their_own_rows(client):
    asked = [
        client.async_infer("adder", [_rows(np.full((n + 1, 3), n, "f4"), binary=True)])
        for n in range(8)
    ]

    for number, each in enumerate(asked):
        expected = np.full((number + 1, 3), number + 1.0, np.float32)
        np.testing.assert_array_equal(each.get_result().as_numpy("y"), expected)


@pytest.mark.parametrize(
    ("write", "binary"),
    [
        (bytes, True),
        (base64.b64encode, True),
        (base64.b64encode, False),
        (lambda file: b"data:image/jpeg;base64," + base64.b64encode(file), False),
    ],
    ids=["a file", "base64", "base64 in JSON", "a data URL in JSON"],
)
def test_a_picture_as_bytes_gives_boxes_like_the_plain_route(
    client, server, part, write, binary
):
    image = triton.InferInput("image", [1], "BYTES")
    content = np.array([write(part.read_bytes())], np.object_)
    image.set_data_from_numpy(content, binary_data=binary)

    answer = client.infer("deepseek_vision_v2", [image])

    status, body = server.ask(
        "POST", "/predict?model=deepseek_vision_v2", part.read_bytes()
    )
    plain = json.loads(body)["detections"]
    assert status == 200
    assert plain
    boxes = answer.as_numpy("boxes")
    np.testing.assert_allclose(boxes, [row["bbox"] for row in plain], atol=0.01)
    labels = [label.decode() for label in answer.as_numpy("labels")]
    assert labels == [row["label"] for row in plain]


def test_statistics_count(client):
    before = client.get_inference_statistics("adder")["model_stats"][0]
    client.infer("adder", [_rows(np.zeros((1, 3), "f4"), binary=True)])
    after = client.get_inference_statistics("adder")["model_stats"][0]

    assert after["inference_count"] == before["inference_count"] + 1


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (("x", [1, 4], np.float32), "shape"),
        (("x", [3], np.float32), "shape"),
        (("x", [1, 3], np.int64), "must be FP32"),
        (("z", [1, 3], np.float32), "expected the inputs x; got z"),
    ],
)
def test_a_wrong_tensor_is_named(client, tensor, said):
    name, shape, dtype = tensor
    kind = {np.float32: "FP32", np.int64: "INT64"}[dtype]
    wrong = triton.InferInput(name, shape, kind)
    wrong.set_data_from_numpy(np.zeros(shape, dtype))

    with pytest.raises(InferenceServerException, match=said):
        client.infer("adder", [wrong])


def test_an_output_that_there_is_not_is_named(client):
    wanted = triton.InferRequestedOutput("nope")

    with pytest.raises(InferenceServerException, match="there are: y"):
        client.infer(
            "adder", [_rows(np.zeros((1, 3), "f4"), binary=True)], outputs=[wanted]
        )


@pytest.mark.parametrize(("name", "version"), [("nope", ""), ("adder", "9")])
def test_an_unknown_model_or_version_lists_what_there_is(client, name, version):
    with pytest.raises(InferenceServerException, match="there are:"):
        client.infer(
            name, [_rows(np.zeros((1, 3), "f4"), binary=True)], model_version=version
        )


def test_a_request_that_breaks_the_model_hurts_no_other(client):
    def ask(number: int) -> triton.InferResult:
        index = triton.InferInput("i", [1], "INT64")
        index.set_data_from_numpy(np.array([number]))
        return client.infer("picker", [index])

    for number in range(100):
        assert ask(number % 4).as_numpy("value") == number % 4
    with pytest.raises(InferenceServerException, match="the model failed"):
        ask(99)
    assert ask(2).as_numpy("value") == 2
