"""Masks between the runs of files and our own: a rectangle, column by column."""

from collections.abc import Iterable, Sequence

from apps.labeling.formats.geometry import pack
from apps.labeling.types import ShapeKind

Piece = tuple[int, int, int]  # column, first row, length


def pack_columns(pieces: Iterable[Piece]) -> bytes:
    """Pack the pixels that are on, given in the order of columns, then rows.

    Raises:
        ValueError: No pixel is on.
    """
    found = list(pieces)
    if not found:
        raise ValueError("no pixel of the mask is on")
    left, right = found[0][0], found[-1][0]
    top = min(row for _column, row, _length in found)
    bottom = max(row + length for _column, row, length in found)
    height = bottom - top
    counts: list[int] = []
    end = 0
    for column, row, length in found:
        begin = (column - left) * height + row - top
        if begin == end and counts:
            counts[-1] += length
        else:
            counts += [begin - end, length]
        end = begin + length
    size = (right - left + 1) * height
    if end < size:
        counts.append(size - end)
    geometry = {
        "origin": [left, top],
        "size": [right - left + 1, height],
        "counts": counts,
    }
    return pack(ShapeKind.MASK, geometry)


def from_image_runs(counts: Sequence[int], *, width: int, height: int) -> bytes:
    """Pack COCO's runs: of the whole image, column by column, off first.

    Raises:
        ValueError: They do not cover the image exactly, or nothing is on.
    """
    if min(counts, default=0) < 0 or sum(counts) != width * height:
        raise ValueError(f"its runs cover {sum(counts)} pixels of {width} x {height}")
    return pack_columns(split_columns(counts, height))


def split_columns(counts: Sequence[int], height: int) -> Iterable[Piece]:
    """Split the runs that are on where a column ends."""
    at = 0
    for number, count in enumerate(counts):
        stop = at + count
        while number % 2 and at < stop:
            column, row = divmod(at, height)
            length = min(stop - at, height - row)
            yield column, row, length
            at += length
        at = stop


def from_string(text: str) -> list[int]:
    """Read the runs of COCO's compressed form.

    Raises:
        ValueError: It is cut off or holds other characters.
    """
    counts: list[int] = []
    at = 0
    while at < len(text):
        value, shift, is_more = 0, 0, True
        while is_more:
            if at >= len(text):
                raise ValueError("its runs are cut off")
            bits = ord(text[at]) - 48
            if not 0 <= bits < 64:
                raise ValueError(f"{text[at]!r} is no part of runs")
            value |= (bits & 31) << shift
            is_more = bool(bits & 32)
            at, shift = at + 1, shift + 5
            if not is_more and bits & 16:
                value |= -1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts


def to_string(counts: Sequence[int]) -> str:
    """Write runs in COCO's compressed form."""
    text = []
    for at, count in enumerate(counts):
        value = count - counts[at - 2] if at > 2 else count
        is_more = True
        while is_more:
            bits, value = value & 31, value >> 5
            is_more = value != (-1 if bits & 16 else 0)
            text.append(chr(48 + bits + 32 * is_more))
    return "".join(text)


def transpose_runs(counts: Sequence[int], *, width: int, height: int) -> list[int]:
    """Turn runs of a rectangle from row by row into column by column, or back.

    ``width`` and ``height`` are those of the order given: a run goes along ``width``.
    """
    cells = bytearray()
    for number, count in enumerate(counts):
        cells += bytes([number % 2]) * count
    cells += bytes(width * height - len(cells))
    turned = bytearray(width * height)
    for column in range(width):
        turned[column * height : (column + 1) * height] = cells[column::width]
    return runs_of(turned)


def runs_of(cells: bytearray, *, on: int = 1) -> list[int]:
    """Count cells that are off and on in turn; they are 0 and ``on``."""
    counts, at, value = [], 0, 0
    while at < len(cells):
        found = cells.find(on - value, at)
        stop = len(cells) if found < 0 else found
        counts.append(stop - at)
        at, value = stop, on - value
    return counts
