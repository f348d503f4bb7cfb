"""TensorBoard's event files, written by hand: a few records of three protobuf fields.

The library that writes them loads numpy, which the web process does not.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

_POLYNOMIAL = 0x82F63B78  # CRC-32C, reflected


class Curve(Protocol):
    """A named curve over steps."""

    @property
    def name(self) -> str: ...
    @property
    def steps(self) -> Sequence[int]: ...
    @property
    def values(self) -> Sequence[float]: ...


def event_file(curves: Iterable[Curve], *, at: datetime) -> bytes:
    """Return a file for a folder that TensorBoard watches; one scalar a point."""
    moment = at.timestamp()
    version = _double(1, moment) + _bytes(3, b"brain.Event:2")
    points = [
        _double(1, moment) + _integer(2, step) + _bytes(5, _scalar(curve.name, value))
        for curve in curves
        for step, value in zip(curve.steps, curve.values, strict=True)
    ]
    return b"".join(_record(one) for one in [version, *points])


def _scalar(name: str, value: float) -> bytes:
    tagged = _bytes(1, name.encode()) + struct.pack("<Bf", (2 << 3) | 5, value)
    return _bytes(1, tagged)


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def _double(field: int, value: float) -> bytes:
    return struct.pack("<Bd", (field << 3) | 1, value)


def _integer(field: int, value: int) -> bytes:
    return bytes([field << 3]) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return bytes([(field << 3) | 2]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _table() -> Iterator[int]:
    for byte in range(256):
        crc = byte
        for _bit in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
        yield crc


_TABLE = tuple(_table())


def _masked(data: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    rotated = ((crc >> 15) | (crc << 17)) & 0xFFFFFFFF
    return struct.pack("<I", (rotated + 0xA282EAD8) & 0xFFFFFFFF)
