"""Reads the header of a safetensors file: names, types and shapes, never the weights."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any

from django.utils.translation import gettext as _

from apps.marketplace.errors import InvalidModelError

LARGEST_HEADER = 25 * 1024 * 1024
BITS = {
    "F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16,
    "BF16": 16, "I16": 16, "U16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "I8": 8, "U8": 8,
    "BOOL": 8, "U4": 4, "I4": 4,
}  # fmt: skip
PRECISIONS = {
    "F64": "fp64", "F32": "fp32", "F16": "fp16", "BF16": "bf16", "F8_E4M3": "fp8",
    "F8_E5M2": "fp8", "I8": "int8", "U8": "int8", "I4": "int4", "U4": "int4",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def num_values(self) -> int:
        return math.prod(self.shape)

    @property
    def num_bytes(self) -> int:
        return self.num_values * BITS.get(self.dtype, 0) // 8

    @property
    def layer(self) -> str:
        """What it belongs to: its name without its last part."""
        return self.name.rpartition(".")[0] or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Tensors that belong together."""

    name: str
    num_values: int
    num_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorHeader:
    tensors: tuple[Tensor, ...]
    metadata: dict[str, str]


def layers_of(tensors: Iterable[Tensor]) -> list[Layer]:
    """Add tensors up by what they belong to, the largest first."""
    found: dict[str, tuple[int, int]] = {}
    for tensor in tensors:
        values, size = found.get(tensor.layer, (0, 0))
        found[tensor.layer] = (values + tensor.num_values, size + tensor.num_bytes)
    layers = [
        Layer(name=name, num_values=values, num_bytes=size)
        for name, (values, size) in found.items()
    ]
    return sorted(layers, key=lambda layer: -layer.num_bytes)


def precisions_of(tensors: Iterable[Tensor]) -> list[str]:
    """Name the types of the weights, the most used first."""
    counts: dict[str, int] = {}
    for tensor in tensors:
        name = PRECISIONS.get(tensor.dtype)
        if name:
            counts[name] = counts.get(name, 0) + tensor.num_values
    return sorted(counts, key=lambda name: -counts[name])


def read_header(file: IO[bytes], size: int) -> TensorHeader:
    """Read the header and compare it with the file's size.

    Raises:
        InvalidModelError: Not safetensors; or bytes lie beyond or between the tensors,
            where something else could hide.
    """
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or not 2 <= length <= min(LARGEST_HEADER, size - 8):
        raise InvalidModelError(
            _("not a safetensors file: its header has no sound length")
        )
    try:
        header = json.loads(file.read(length))
        metadata = header.pop("__metadata__", {})
        spans = [_span(name, entry) for name, entry in header.items()]
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as exc:
        raise InvalidModelError(_("not a safetensors file: broken header")) from exc
    _check_filled(sorted((first, last) for _, first, last in spans), size - 8 - length)
    metadata = metadata if isinstance(metadata, dict) else {}
    return TensorHeader(
        tensors=tuple(tensor for tensor, _between, _ in spans),
        metadata={str(key): str(value) for key, value in metadata.items()},
    )


def _span(name: str, entry: dict[str, Any]) -> tuple[Tensor, int, int]:
    tensor = Tensor(
        name=name, dtype=str(entry["dtype"]), shape=tuple(map(int, entry["shape"]))
    )
    first, last = map(int, entry["data_offsets"])
    bits = BITS.get(tensor.dtype)
    if bits and last - first != math.prod(tensor.shape) * bits // 8:
        raise InvalidModelError(
            _("tensor {name} does not fill its place").format(name=repr(name[:80]))
        )
    return tensor, first, last


def _check_filled(spans: Iterable[tuple[int, int]], size: int) -> None:
    end = 0
    for first, last in spans:
        if first != end or last < first:
            raise InvalidModelError(
                _("the safetensors file has a gap or an overlap between its tensors")
            )
        end = last
    if end != size:
        raise InvalidModelError(
            _(
                "{num} bytes lie behind the last tensor of the safetensors file; "
                "save it again with the safetensors library"
            ).format(num=size - end)
        )
