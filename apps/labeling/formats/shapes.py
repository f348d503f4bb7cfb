"""Builds shapes from what files say, refusing what cannot be one."""

import math
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.labeling.errors import BadOperationError, FormatError
from apps.labeling.formats.geometry import BBox, Ring, bounds, pack
from apps.labeling.formats.items import Item, ItemShape
from apps.labeling.types import ShapeKind

# A corner this far outside is a rounding of the file's writer.
SLACK_PX = 1.0
# What its corners say wholly, so that none may lie outside.
UPRIGHT = frozenset({ShapeKind.BOX, ShapeKind.TAG, ShapeKind.MASK})


def shape(
    where: str,
    kind: ShapeKind,
    geometry: dict[str, Any],
    **more: Any,
) -> ItemShape:
    """Make a shape of any kind but a box and a tag.

    Raises:
        FormatError: It is not one of its kind; begins with ``where``.
    """
    try:
        packed = pack(kind, geometry)
    except BadOperationError as exc:
        raise FormatError(
            _("{where}: {reason}").format(where=where, reason=exc)
        ) from exc
    return ItemShape(kind=kind, bbox=bounds(kind, packed), packed=packed, **more)


def box(where: str, corners: Sequence[float], **more: Any) -> ItemShape:
    """Make a box of x1, y1, x2, y2."""
    x1, y1, x2, y2 = (_number(where, value) for value in corners)
    if x1 > x2 or y1 > y2:
        raise FormatError(
            _("{where}: a box of negative size, {corners}").format(
                where=where, corners=list(corners)
            )
        )
    return ItemShape(kind=ShapeKind.BOX, bbox=(x1, y1, x2, y2), **more)


def tag(width: int, height: int, **more: Any) -> ItemShape:
    return ItemShape(kind=ShapeKind.TAG, bbox=(0, 0, width, height), **more)


def turned(where: str, corners: Ring, **more: Any) -> ItemShape:
    """Make a turned box of its four corners, the first side being its width."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners
    geometry = {
        "center": [(ax + bx + cx + dx) / 4, (ay + by + cy + dy) / 4],
        "size": [math.hypot(bx - ax, by - ay), math.hypot(cx - bx, cy - by)],
        "angle": math.degrees(math.atan2(by - ay, bx - ax)),
    }
    return shape(where, ShapeKind.ROTATED_BOX, geometry, **more)


def inside(where: str, one: ItemShape, item: Item) -> ItemShape:
    """Check that a shape lies on its image; roundings at the edge are cut.

    Raises:
        FormatError: It lies beside the image, or reaches out of it by more than a
            pixel, where it may not, or by more than the image's own size.
    """
    x1, y1, x2, y2 = one.bbox
    width, height = item.width, item.height
    if one.kind in UPRIGHT:
        out = max(-x1, -y1, x2 - width, y2 - height)
        if out > SLACK_PX:
            raise FormatError(
                _(
                    "{where}: {box} is not inside the image of {width} x {height}"
                ).format(
                    where=where,
                    box=[round(n, 2) for n in one.bbox],
                    width=width,
                    height=height,
                )
            )
        if out > 0 and one.kind is not ShapeKind.MASK:
            return _cut(one, width, height)
    elif x2 < 0 or y2 < 0 or x1 > width or y1 > height:
        raise FormatError(
            _("{where}: it lies beside the image of {width} x {height}").format(
                where=where, width=width, height=height
            )
        )
    elif max(-x1, x2 - width) > width or max(-y1, y2 - height) > height:
        raise FormatError(
            _("{where}: it reaches far out of the image of {width} x {height}").format(
                where=where, width=width, height=height
            )
        )
    return one


def _cut(one: ItemShape, width: int, height: int) -> ItemShape:
    x1, y1, x2, y2 = one.bbox
    bbox: BBox = (max(x1, 0), max(y1, 0), min(x2, width), min(y2, height))
    return one._replace(bbox=bbox)


def number(where: str, text: object) -> float:
    return _number(where, text)


def _number(where: str, value: object) -> float:
    try:
        found = float(value)  # type: ignore[arg-type]  # refused below
    except (TypeError, ValueError):
        raise FormatError(
            _("{where}: {value!r} is no number").format(where=where, value=value)
        ) from None
    if not math.isfinite(found) or isinstance(value, bool):
        raise FormatError(
            _("{where}: {value!r} is no coordinate").format(where=where, value=value)
        )
    return found


def uid(value: object) -> UUID | None:
    """Return an id that we wrote ourselves; anything else is none."""
    try:
        return UUID(str(value)) if value else None
    except ValueError:
        return None
