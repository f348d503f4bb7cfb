import json
import struct

import numpy as np
import pytest

from model_server.errors import RequestError
from model_server.wire import DATATYPES, read_request, write_response


def _body(tensor: dict[str, object], tail: bytes = b"") -> tuple[bytes, int]:
    head = json.dumps({"inputs": [tensor]}).encode()
    return head + tail, len(head)


@pytest.mark.parametrize("datatype", sorted(set(DATATYPES) - {"BYTES"}))
def test_what_is_written_as_bytes_reads_back_the_same(datatype):
    dtype = DATATYPES[datatype]
    drawn = np.random.default_rng(3).integers(0, 2, (2, 5)).astype(dtype)
    tensor = {
        "name": "x",
        "datatype": datatype,
        "shape": [2, 5],
        "parameters": {"binary_data_size": drawn.nbytes},
    }
    body, length = _body(tensor, drawn.tobytes())

    request = read_request(body, length)

    np.testing.assert_array_equal(request.inputs["x"], drawn)
    assert request.inputs["x"].dtype == dtype


def test_strings_go_both_ways():
    strings = [b"", b"caf\xc3\xa9", b"\x00" * 300]
    packed = b"".join(struct.pack("<I", len(s)) + s for s in strings)
    tensor = {
        "name": "s",
        "datatype": "BYTES",
        "shape": [3],
        "parameters": {"binary_data_size": len(packed)},
    }
    body, length = _body(tensor, packed)

    request = read_request(body, length)

    assert request.inputs["s"].tolist() == strings


def test_json_answers_refuse_what_json_cannot_say():
    tensor = {"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}
    request = read_request(_body(tensor)[0], None)

    with pytest.raises(RequestError, match="binary_data"):
        write_response(request, {"y": np.array([np.nan])}, name="m", version="1")


SOUND = {"name": "x", "datatype": "FP32", "shape": [2], "data": [1, 2]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"shape": [3]}, "2 values do not fill the shape"),
        ({"shape": [-1]}, "is not a list of sizes"),
        ({"shape": "2"}, "is not a list of sizes"),
        ({"datatype": "FP33"}, "is not one of"),
        ({"data": ["one", "two"]}, "no number"),
        ({"data": [[1], [2, 3]]}, "does not fit"),
        ({"data": None}, "no number"),
        ({"parameters": {"binary_data_size": 8}}, "0 bytes are left"),
        ({"parameters": {"binary_data_size": -8}}, "bytes are left"),
        ({"parameters": 3}, "not an inference request"),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused_by_name(changes, said):
    with pytest.raises(RequestError, match=said):
        read_request(_body({**SOUND, **changes})[0], None)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"inputs": []}', b'{"inputs": {}}', b"[" * 100_000],
)
def test_what_is_no_request_is_refused(body):
    with pytest.raises(RequestError):
        read_request(body, None)


def test_random_bytes_never_do_anything_but_refuse():
    drawn = np.random.default_rng(5)
    sound, length = _body(SOUND, b"\x00" * 8)

    for _ in range(500):
        damaged = bytearray(sound)
        for at in drawn.integers(0, len(damaged), 3):
            damaged[at] = drawn.integers(0, 256)
        try:
            read_request(bytes(damaged), int(drawn.integers(0, length + 20)))
        except RequestError:
            continue
