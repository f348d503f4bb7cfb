"""Lays a model's lineage out: boxes in levels from top to bottom, joined by one trunk.

It stands in a narrow column and on a phone alike, so it grows downwards: a level has two
boxes a row at most, left and right of the trunk. Units are those of the drawing's view.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from apps.marketplace.types import Relative

WIDTH = 300
GUTTER = 20
BOX_HEIGHT = 44
ROW_GAP, LEVEL_GAP = 10, 26
PADDING = 9
CHAR = 6.6  # of small text; a wide letter takes two


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A node at its place; ``heading`` and ``title`` are cut to its width."""

    node: Relative
    x: float
    y: float
    width: float
    heading: str
    title: str

    @property
    def text_x(self) -> float:
        return self.x + PADDING

    @property
    def heading_y(self) -> float:
        return self.y + 17

    @property
    def title_y(self) -> float:
        return self.y + 34


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """All boxes, and lines as paths of SVG; ``arrows`` end in a head."""

    width: int
    height: float
    box_height: int
    boxes: tuple[Box, ...]
    lines: tuple[str, ...]
    arrows: tuple[str, ...]


def draw(levels: Sequence[Sequence[Relative]]) -> Drawing:
    """Lay levels out that are not empty; each follows from all of the one above."""
    boxes: list[Box] = []
    lines: list[str] = []
    arrows: list[str] = []
    middle, y = WIDTH / 2, 1.0
    for number, level in enumerate(levels):
        is_wide = len(level) == 1
        if number:
            y += LEVEL_GAP
        # An arrow enters from above, stubs leave downwards where another level follows.
        top = y
        width = WIDTH - 2 if is_wide else (WIDTH - GUTTER) / 2 - 1
        for place, node in enumerate(level):
            is_right = place % 2 == 1
            x = WIDTH - width - 1 if is_right else 1.0
            box_y = top + (place // 2) * (BOX_HEIGHT + ROW_GAP)
            boxes.append(_box(node, x, box_y, width))
            if not is_wide:
                edge = x if is_right else x + width
                centre = box_y + BOX_HEIGHT / 2
                stub = f"M{middle:g} {centre:g}H{edge:g}"
                (arrows if number else lines).append(stub)
        num_rows = (len(level) + 1) // 2
        y = top + num_rows * BOX_HEIGHT + (num_rows - 1) * ROW_GAP
        lines += _trunk(levels, number, top, y)
        if number and is_wide:
            arrows.append(f"M{middle:g} {top - LEVEL_GAP:g}V{top:g}")
    return Drawing(
        width=WIDTH,
        height=y + 1,
        box_height=BOX_HEIGHT,
        boxes=tuple(boxes),
        lines=tuple(lines),
        arrows=tuple(arrows),
    )


def _trunk(
    levels: Sequence[Sequence[Relative]], number: int, top: float, bottom: float
) -> list[str]:
    """The line beside a level's boxes, as far as their stubs reach."""
    if len(levels[number]) == 1:
        return []
    is_last = number + 1 == len(levels)
    begin = top + BOX_HEIGHT / 2 if number == 0 else top - LEVEL_GAP
    end = bottom - BOX_HEIGHT / 2 if is_last else bottom
    return [f"M{WIDTH / 2:g} {begin:g}V{end:g}"]


def _box(node: Relative, x: float, y: float, width: float) -> Box:
    room = int((width - 2 * PADDING) / CHAR)
    return Box(
        node=node,
        x=x,
        y=y,
        width=width,
        heading=_cut(node.heading, room),
        title=_cut(node.title, room),
    )


def _cut(text: str, room: int) -> str:
    """The beginning of it that fits; wide letters count twice."""
    taken = 0
    for number, letter in enumerate(text):
        taken += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if taken > room:
            return f"{text[: max(0, number - 1)].rstrip()}\N{HORIZONTAL ELLIPSIS}"
    return text
