"""The packed form of shapes, and what makes one valid.

A box is its bounding box and packs to nothing. Coordinates are pixels of the upright
original; paths are kept as 32-bit floats, masks as runs of a rectangle, column by
column, off and on in turn.
"""

import math
import struct
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from django.utils.translation import gettext as _

from apps.labeling.errors import BadOperationError
from apps.labeling.types import ShapeKind

BBox = tuple[float, float, float, float]
Ring = list[list[float]]

MAX_POINTS = 100_000
MIN_POINTS = {
    ShapeKind.POLYGON: 3,
    ShapeKind.POLYLINE: 2,
    ShapeKind.POINTS: 1,
    ShapeKind.SKELETON: 1,
}
PATHS = frozenset(MIN_POINTS)
# Beside its box, which is the whole image for a tag, nothing is kept of these.
BARE = frozenset({ShapeKind.BOX, ShapeKind.TAG})
# COCO's: not labeled, labeled but hidden, seen.
VISIBILITIES = frozenset({0, 1, 2})
FRAMED = {ShapeKind.ROTATED_BOX: "size", ShapeKind.ELLIPSE: "radii"}


def pack(kind: ShapeKind, geometry: dict[str, Any] | None) -> bytes:
    """Pack a geometry as the API states it.

    Raises:
        BadOperationError: It is not one of its kind; says what is wrong.
    """
    if kind in BARE:
        return b""
    if not isinstance(geometry, dict):
        raise BadOperationError(_("a {kind} needs a geometry").format(kind=kind))
    try:
        return _PACKERS[kind](kind, geometry)
    except (KeyError, TypeError, ValueError, struct.error, OverflowError) as exc:
        raise BadOperationError(
            _("this is not the geometry of a {kind}: {exc}").format(kind=kind, exc=exc)
        ) from exc


def unpack(kind: ShapeKind, packed: bytes) -> dict[str, Any] | None:
    """Return the geometry as the API states it; None for a box and a tag."""
    if kind is ShapeKind.SKELETON:
        (num_joints,) = struct.unpack_from("<I", packed)
        (joints,) = _unpack_rings(packed[4 + num_joints :])
        return {"points": joints, "visible": list(packed[4 : 4 + num_joints])}
    if kind in PATHS:
        rings = _unpack_rings(packed)
        if kind is ShapeKind.POLYGON:
            return {"points": rings[0], "holes": rings[1:]}
        return {"points": rings[0]}
    if kind in FRAMED:
        x, y, across, down, angle = struct.unpack("<5d", packed)
        return {"center": [x, y], FRAMED[kind]: [across, down], "angle": angle}
    if kind is ShapeKind.MASK:
        x, y, width, height = struct.unpack_from("<4i", packed)
        counts = array("I", packed[16:])
        return {"origin": [x, y], "size": [width, height], "counts": counts.tolist()}
    return None


def bounds(kind: ShapeKind, packed: bytes) -> BBox:
    """The smallest upright box around a shape that is not a box."""
    if kind is ShapeKind.MASK:
        x, y, width, height = struct.unpack_from("<4i", packed)
        return (x, y, x + width, y + height)
    if kind is ShapeKind.SKELETON:
        points = _labeled_joints(packed)
    else:
        points = [point for ring in outline(kind, packed) for point in ring]
    across, down = [x for x, _y in points], [y for _x, y in points]
    return (min(across), min(down), max(across), max(down))


def outline(kind: ShapeKind, packed: bytes, *, num_sides: int = 64) -> list[Ring]:
    """Rings around a shape that is neither a box nor a mask; holes follow the first.

    An ellipse becomes a polygon whose sides bulge by less than a thousandth of it.
    """
    if kind in PATHS:
        return _unpack_rings(packed)
    x, y, across, down, angle = struct.unpack("<5d", packed)
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    if kind is ShapeKind.ROTATED_BOX:
        unit = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]
    else:
        turns = [math.tau * side / num_sides for side in range(num_sides)]
        unit = [(math.cos(turn), math.sin(turn)) for turn in turns]
    return [
        [
            [
                x + u * across * cos - v * down * sin,
                y + u * across * sin + v * down * cos,
            ]
            for u, v in unit
        ]
    ]


def _pack_path(kind: ShapeKind, geometry: dict[str, Any]) -> bytes:
    holes = geometry.get("holes", []) if kind is ShapeKind.POLYGON else []
    rings = [geometry["points"], *holes]
    for ring in rings:
        if len(ring) < MIN_POINTS[kind]:
            raise ValueError(f"{len(ring)} points are fewer than {MIN_POINTS[kind]}")
    if sum(map(len, rings)) > MAX_POINTS:
        raise ValueError(f"more than {MAX_POINTS} points")
    numbers = array(
        "f", [_finite(n) for ring in rings for x, y in ring for n in (x, y)]
    )
    lengths = array("I", [len(rings), *map(len, rings)])
    return lengths.tobytes() + numbers.tobytes()


def _unpack_rings(packed: bytes) -> list[Ring]:
    (num_rings,) = struct.unpack_from("<I", packed)
    lengths = struct.unpack_from(f"<{num_rings}I", packed, 4)
    numbers = array("f", packed[4 + 4 * num_rings :])
    rings, start = [], 0
    for length in lengths:
        flat = numbers[start : start + 2 * length]
        rings.append([[flat[i], flat[i + 1]] for i in range(0, 2 * length, 2)])
        start += 2 * length
    return rings


def _pack_skeleton(kind: ShapeKind, geometry: dict[str, Any]) -> bytes:
    visible = bytes(map(_whole, geometry["visible"]))
    if len(visible) != len(geometry["points"]):
        raise ValueError("each joint needs its visibility: 0, 1 or 2")
    if not set(visible) <= VISIBILITIES or not any(visible):
        raise ValueError("visibilities are 0, 1 or 2, and one joint must be labeled")
    return struct.pack("<I", len(visible)) + visible + _pack_path(kind, geometry)


def _labeled_joints(packed: bytes) -> Ring:
    joints = unpack(ShapeKind.SKELETON, packed) or {}
    pairs = zip(joints["points"], joints["visible"], strict=True)
    return [point for point, visible in pairs if visible]


def _pack_framed(kind: ShapeKind, geometry: dict[str, Any]) -> bytes:
    x, y = geometry["center"]
    across, down = geometry[FRAMED[kind]]
    numbers = [_finite(n) for n in (x, y, across, down, geometry["angle"])]
    if numbers[2] <= 0 or numbers[3] <= 0:
        raise ValueError(f"its sides must be above 0, got {across} x {down}")
    return struct.pack("<5d", *numbers)


def _pack_mask(_kind: ShapeKind, geometry: dict[str, Any]) -> bytes:
    x, y = map(_whole, geometry["origin"])
    width, height = map(_whole, geometry["size"])
    counts = array("I", map(_whole, geometry["counts"]))
    if x < 0 or y < 0 or width < 1 or height < 1:
        raise ValueError("its rectangle must lie inside the image")
    if sum(counts) != width * height:
        raise ValueError(f"its runs cover {sum(counts)} pixels of {width} x {height}")
    return struct.pack("<4i", x, y, width, height) + counts.tobytes()


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number) or isinstance(value, (bool, str)):
        raise ValueError(f"{value!r} is not a coordinate")
    return number


def _whole(value: Any) -> int:
    if isinstance(value, bool) or int(value) != value:
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)


_PACKERS: dict[ShapeKind, Callable[[ShapeKind, dict[str, Any]], bytes]] = {
    **dict.fromkeys(PATHS, _pack_path),
    **dict.fromkeys(FRAMED, _pack_framed),
    ShapeKind.SKELETON: _pack_skeleton,
    ShapeKind.MASK: _pack_mask,
}


def mask_runs(packed: bytes, *, width: int, height: int) -> list[int]:
    """Return a mask's runs over its whole image, as COCO's uncompressed RLE has them."""
    x, y, _mask_width, mask_height = struct.unpack_from("<4i", packed)
    runs: list[int] = []
    end = 0
    for start, length in _column_pieces(array("I", packed[16:]), mask_height):
        column, row = divmod(start, mask_height)
        begin = (x + column) * height + y + row
        if begin == end and runs:
            runs[-1] += length
        else:
            runs += [begin - end, length]
        end = begin + length
    return [*runs, width * height - end] if end < width * height else runs


def _column_pieces(counts: Sequence[int], height: int) -> list[tuple[int, int]]:
    """Split the runs that are on where a column of the rectangle ends."""
    pieces, at = [], 0
    for number, count in enumerate(counts):
        stop = at + count
        while number % 2 and at < stop:
            length = min(stop, (at // height + 1) * height) - at
            pieces.append((at, length))
            at += length
        at = stop
    return pieces
