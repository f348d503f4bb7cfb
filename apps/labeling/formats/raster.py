"""Which pixels a shape covers: a pixel belongs where its middle lies (decision 266)."""

import math
import struct
from array import array
from collections.abc import Iterator

from apps.labeling.formats.geometry import Ring, outline
from apps.labeling.formats.items import ItemShape
from apps.labeling.formats.masks import Piece, split_columns
from apps.labeling.types import ShapeKind

# What has no area covers no pixel.
WITH_AREA = frozenset(
    {
        ShapeKind.BOX,
        ShapeKind.ROTATED_BOX,
        ShapeKind.POLYGON,
        ShapeKind.ELLIPSE,
        ShapeKind.MASK,
    }
)


def pieces_of(one: ItemShape, *, width: int, height: int) -> Iterator[Piece]:
    """Yield the pixels of a shape, cut to its image, by column and then by row."""
    if one.kind is ShapeKind.MASK:
        x, y, _across, down = struct.unpack_from("<4i", one.packed)
        for column, row, length in split_columns(array("I", one.packed[16:]), down):
            yield x + column, y + row, length
        return
    if one.kind is ShapeKind.BOX:
        x1, y1, x2, y2 = one.bbox
        rings: list[Ring] = [[[x1, y1], [x2, y1], [x2, y2], [x1, y2]]]
    else:
        rings = outline(one.kind, one.packed)
    left = max(0, math.floor(one.bbox[0]))
    right = min(width, math.ceil(one.bbox[2]))
    for column in range(left, right):
        crossings = sorted(_crossings(rings, column + 0.5))
        for above, below in zip(crossings[::2], crossings[1::2], strict=True):
            top = max(0, math.ceil(above - 0.5))
            bottom = min(height, math.floor(below - 0.5) + 1)
            if bottom > top:
                yield column, top, bottom - top


def _crossings(rings: list[Ring], x: float) -> Iterator[float]:
    """Where the rings' sides cross an upright line; an even number of times."""
    for ring in rings:
        ax, ay = ring[-1]
        for bx, by in ring:
            if (ax <= x) != (bx <= x):
                yield ay + (x - ax) * (by - ay) / (bx - ax)
            ax, ay = bx, by
