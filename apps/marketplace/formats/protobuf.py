"""Walks a protocol buffer's fields without a schema, copying nothing it is not asked for."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.marketplace.errors import InvalidModelError

LONGEST_TEXT = 4096


@dataclass(slots=True)
class Walk:
    """One look into a file; it ends where the file wants more work than it is worth.

    Attributes:
        left: How many fields may still be read.
    """

    left: int = 1_000_000

    def fields(self, data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
        """Yield each field's number and its value: an integer, or the bytes it spans.

        Raises:
            InvalidModelError: Not a protocol buffer, cut off, or with too many fields.
        """
        at, end = 0, len(data)
        while at < end:
            self.left -= 1
            if self.left < 0:
                raise InvalidModelError(_("the file has too many parts to look into"))
            key, at = _varint(data, at)
            kind = key & 7
            value: int | memoryview
            if kind == 0:
                value, at = _varint(data, at)
            else:
                size, at = _size(data, at, kind)
                if size > end - at:
                    raise _broken()
                value = data[at : at + size]
                at += size
            yield key >> 3, value


def text(value: int | memoryview) -> str:
    if isinstance(value, int):
        raise _broken()
    return bytes(value[:LONGEST_TEXT]).decode(errors="replace").replace("\0", "")


def span(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise _broken()
    return value


def numbers(value: int | memoryview) -> list[int]:
    """Read a repeated integer, which may come packed or one at a time."""
    if isinstance(value, int):
        return [_signed(value)]
    found: list[int] = []
    at = 0
    while at < len(value) and len(found) < 64:
        one, at = _varint(value, at)
        found.append(_signed(one))
    return found


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _size(data: memoryview, at: int, kind: int) -> tuple[int, int]:
    match kind:
        case 1:
            return 8, at
        case 2:
            return _varint(data, at)
        case 5:
            return 4, at
    raise _broken()


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise _broken()


def _broken() -> InvalidModelError:
    return InvalidModelError(
        _("not an ONNX file, or cut off: its parts do not add up; upload it again")
    )
