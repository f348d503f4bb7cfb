"""The Open Inference Protocol's bytes: JSON, and tensors behind it.

https://github.com/kserve/open-inference-protocol; the binary form is Triton's
extension: the header says how long the JSON is, the tensors follow it in order.
"""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_server.errors import RequestError

Array = NDArray[Any]
HEADER_LENGTH = b"inference-header-content-length"
DATATYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}
_NAMES = {dtype: name for name, dtype in DATATYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class InferRequest:
    """``binary`` holds the outputs wanted as bytes; empty ``outputs`` means all."""

    inputs: dict[str, Array]
    id: str = ""
    outputs: tuple[str, ...] = ()
    binary: frozenset[str] = frozenset()
    is_all_binary: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)


def read_request(body: bytes, header_length: int | None) -> InferRequest:
    """Read an inference request.

    Raises:
        RequestError: Saying which part does not fit.
    """
    if header_length is not None and not 0 <= header_length <= len(body):
        raise RequestError(
            f"Inference-Header-Content-Length is {header_length}, "
            f"the body has {len(body)} bytes"
        )
    try:
        head = json.loads(body[:header_length])
        wanted = head["inputs"]
        if not isinstance(wanted, list) or not wanted:
            raise RequestError("inputs must be a list of tensors")
        inputs = _read_inputs(wanted, body[len(body[:header_length]) :])
        outputs = head.get("outputs", [])
        parameters = head.get("parameters", {})
        return InferRequest(
            inputs=inputs,
            id=str(head.get("id", "")),
            outputs=tuple(str(each["name"]) for each in outputs),
            binary=frozenset(
                str(each["name"])
                for each in outputs
                if each.get("parameters", {}).get("binary_data", False)
            ),
            is_all_binary=bool(parameters.get("binary_data_output", False)),
            parameters=parameters,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise RequestError(f"not an inference request: {what}") from None


def _read_inputs(wanted: Sequence[dict[str, Any]], tail: bytes) -> dict[str, Array]:
    inputs: dict[str, Array] = {}
    at = 0
    for tensor in wanted:
        name, shape = str(tensor["name"]), _shape(tensor)
        if name in inputs:
            raise RequestError(f"the input {name} is given twice")
        dtype = dtype_of(name, tensor["datatype"])
        size = tensor.get("parameters", {}).get("binary_data_size")
        if size is None:
            inputs[name] = _from_json(name, tensor["data"], shape, dtype)
            continue
        if type(size) is not int or not 0 <= size <= len(tail) - at:
            raise RequestError(
                f"{name}: binary_data_size is {size}, {len(tail) - at} bytes are left"
            )
        inputs[name] = from_bytes(name, tail[at : at + size], shape, dtype)
        at += size
    if at != len(tail):
        raise RequestError(f"{len(tail) - at} bytes follow the last tensor")
    return inputs


def dtype_of(name: str, datatype: object) -> np.dtype[Any]:
    """NumPy's name for a datatype of the protocol.

    Raises:
        RequestError: The protocol has no such datatype.
    """
    dtype = DATATYPES.get(datatype) if isinstance(datatype, str) else None
    if dtype is None:
        raise RequestError(
            f"{name}: datatype {datatype!r} is not one of {', '.join(DATATYPES)}"
        )
    return dtype


def _shape(tensor: Mapping[str, Any]) -> list[int]:
    shape = tensor["shape"]
    is_sound = isinstance(shape, list) and all(
        type(side) is int and 0 <= side < 2**31 for side in shape
    )
    if not is_sound:
        raise RequestError(f"{tensor['name']}: shape {shape!r} is not a list of sizes")
    return list(shape)


def _from_json(name: str, data: Any, shape: list[int], dtype: np.dtype[Any]) -> Array:
    try:
        if dtype == np.object_:
            flat = np.array(data, dtype=np.object_).reshape(-1)
            values = np.empty(len(flat), np.object_)
            values[:] = [str(each).encode() for each in flat]
        else:
            values = np.asarray(data)
            if values.dtype.kind not in "biuf" and values.size:
                raise RequestError(f"{name}: data holds something that is no number")
            values = values.astype(dtype, casting="unsafe")
    except (ValueError, TypeError, OverflowError) as error:
        raise RequestError(f"{name}: data does not fit its datatype: {error}") from None
    return shaped(name, values, shape)


def from_bytes(name: str, data: bytes, shape: list[int], dtype: np.dtype[Any]) -> Array:
    """Read a tensor's own bytes.

    Raises:
        RequestError: They do not fill its shape.
    """
    if dtype == np.object_:
        return shaped(name, _strings(name, data), shape)
    if len(data) % dtype.itemsize:
        raise RequestError(f"{name}: {len(data)} bytes are no whole number of values")
    return shaped(name, np.frombuffer(data, dtype), shape)


def _strings(name: str, data: bytes) -> Array:
    found: list[bytes] = []
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise RequestError(f"{name}: a string's length is cut off")
        (length,) = struct.unpack_from("<I", data, at)
        at += 4
        if at + length > len(data):
            raise RequestError(f"{name}: a string is cut off")
        found.append(data[at : at + length])
        at += length
    values = np.empty(len(found), np.object_)
    values[:] = found
    return values


def shaped(name: str, values: Array, shape: list[int]) -> Array:
    """Give values their shape.

    Raises:
        RequestError: They do not fill it.
    """
    if values.size != math.prod(shape):
        raise RequestError(
            f"{name}: {values.size} values do not fill the shape {shape}"
        )
    return values.reshape(shape)


def write_response(
    request: InferRequest, outputs: Mapping[str, Array], *, name: str, version: str
) -> tuple[bytes, int | None]:
    """Write an answer.

    Returns:
        The body, and the length of its JSON where tensors follow it.

    Raises:
        RequestError: An output was asked for that there is not.
    """
    wanted = chosen(request.outputs, outputs)
    listed: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for each in wanted:
        value = outputs[each]
        tensor: dict[str, Any] = {
            "name": each,
            "datatype": datatype_of(value),
            "shape": list(value.shape),
        }
        if request.is_all_binary or each in request.binary:
            data = to_bytes(value)
            tensor["parameters"] = {"binary_data_size": len(data)}
            tail.append(data)
        else:
            tensor["data"] = _to_json(value)
        listed.append(tensor)
    head = {"model_name": name, "model_version": version, "outputs": listed}
    if request.id:
        head["id"] = request.id
    text = json.dumps(head).encode()
    return text + b"".join(tail), len(text) if tail else None


def chosen(wanted: Sequence[str], outputs: Mapping[str, Array]) -> tuple[str, ...]:
    """The names to be answered: those wanted, or all.

    Raises:
        RequestError: An output was asked for that there is not.
    """
    if unknown := [each for each in wanted if each not in outputs]:
        raise RequestError(
            f"no output is named {', '.join(unknown)}; there are: {', '.join(outputs)}"
        )
    return tuple(wanted) or tuple(outputs)


def datatype_of(values: Array) -> str:
    """The protocol's name for what an array holds."""
    return "BYTES" if values.dtype.kind in "OUS" else _NAMES[values.dtype]


def to_bytes(values: Array) -> bytes:
    """A tensor's own bytes; strings with their lengths before them."""
    if values.dtype.kind in "OUS":
        encoded = [_encode(each) for each in values.reshape(-1)]
        return b"".join(struct.pack("<I", len(each)) + each for each in encoded)
    return np.ascontiguousarray(values).tobytes()


def _to_json(values: Array) -> list[Any]:
    flat = values.reshape(-1)
    if values.dtype.kind in "OUS":
        return [_encode(each).decode(errors="replace") for each in flat]
    if values.dtype.kind == "f" and not np.isfinite(flat).all():
        raise RequestError(
            "an output holds infinities or NaN, which JSON cannot say: ask for it "
            "with binary_data"
        )
    return list(flat.tolist())


def _encode(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
