# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""What a person says about an object, and how the networks are told. No torch here."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Box = tuple[float, float, float, float]  # left, top, right, bottom
MAX_CLICKS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """A place in pixels of the upright picture: on the object, or beside it."""

    x: float
    y: float
    is_positive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """All that is said about one object, in the order in which it was said.

    Attributes:
        clicks: Oldest first.
        box: Loosely around the object.
        region: What the person looks at; the object is sought there first.
    """

    clicks: tuple[Click, ...] = ()
    box: Box | None = None
    region: Box | None = None

    @property
    def is_empty(self) -> bool:
        return not self.clicks and self.box is None

    def before_last(self) -> "Prompt":
        return replace(self, clicks=self.clicks[:-1])

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> "Prompt":
        """Read ``{"clicks": [[x, y, 1 or 0], ...], "box": [...], "region": [...]}``.

        Raises:
            ValueError: saying what does not fit.
        """
        clicks = wire.get("clicks", [])
        if not isinstance(clicks, list) or len(clicks) > MAX_CLICKS:
            raise ValueError(f"clicks must be a list of at most {MAX_CLICKS}")
        return cls(
            clicks=tuple(_click(each) for each in clicks),
            box=_box("box", wire.get("box")),
            region=_box("region", wire.get("region")),
        )


def _click(wire: object) -> Click:
    numbers = _numbers(wire, 3)
    if numbers is None or numbers[2] not in {0, 1}:
        raise ValueError(
            f"a click is [x, y, 1] on the object or [x, y, 0] beside it, got {wire!r}"
        )
    return Click(x=numbers[0], y=numbers[1], is_positive=bool(numbers[2]))


def _box(name: str, wire: object) -> Box | None:
    if wire is None:
        return None
    numbers = _numbers(wire, 4)
    if numbers is None or numbers[2] <= numbers[0] or numbers[3] <= numbers[1]:
        raise ValueError(
            f"{name} is [left, top, right, bottom] with an area, got {wire!r}"
        )
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _numbers(wire: object, count: int) -> list[float] | None:
    if not isinstance(wire, list | tuple) or len(wire) != count:
        return None
    if any(isinstance(n, bool) or not isinstance(n, int | float) for n in wire):
        return None
    return [float(n) for n in wire] if all(map(math.isfinite, wire)) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """A prompt in pixels of an encoded window; `previous_HW` is a grid of logits."""

    points_N2: Array
    is_positive_N: NDArray[np.bool_]
    box: Box | None
    previous_HW: Array | None


def draw_marks(marks: Marks, *, size: tuple[int, int], cell_px: int) -> Array:
    """The four maps of the decoder, 1 4 H W; `size` is rows and columns of cells."""
    rows, columns = size
    maps = np.zeros((1, 4, rows, columns), np.float32)
    y, x = np.arange(rows)[:, None], np.arange(columns)[None, :]
    for (at_x, at_y), is_positive in zip(
        marks.points_N2, marks.is_positive_N, strict=True
    ):
        column = min(max(int(at_x // cell_px), 0), columns - 1)
        row = min(max(int(at_y // cell_px), 0), rows - 1)
        dot = np.exp(-((x - column) ** 2 + (y - row) ** 2) / np.float32(2.0))
        target = maps[0, 0 if is_positive else 1]
        np.maximum(target, dot, out=target)
    if marks.box is not None:
        left, top, right, bottom = (side / cell_px for side in marks.box)
        in_x = (x + 0.5 >= left) & (x + 0.5 <= right)
        in_y = (y + 0.5 >= top) & (y + 0.5 <= bottom)
        maps[0, 2] = in_x & in_y
    if marks.previous_HW is not None:
        height, width = marks.previous_HW.shape
        logits = np.clip(marks.previous_HW, -30, 30)
        maps[0, 3, :height, :width] = 1 / (1 + np.exp(-logits))
    return maps
