"""A simulated annotator who knows the truth and works in the editor's real page.

The times are those of the keystroke-level model (Card, Moran and Newell): a key, a
pointing, a press or a release, a thought; and the glance of the model human processor.
"""

import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from playwright.sync_api import Page
from scipy.optimize import linear_sum_assignment

KEY_S, POINT_S, PRESS_S, THINK_S, GLANCE_S = 0.20, 1.10, 0.10, 1.35, 0.40
# Of a box's side: hands put corners where two boxes of one thing share .88.
JITTER = 0.0375
MATCHED, COVERED = 0.5, 0.7
THRESHOLD = 0.5  # where the editor's slider stands
REACH_PX, MARGIN_PX = 7, 16
READY = """(before) => location.pathname !== before
  && !document.querySelector("#editor").hasAttribute("data-loading")"""
# What the page itself was told: keys, presses and releases, and places pointed at.
LISTEN = """
window.told = {keys: 0, presses: 0, points: 0};
let last = null;
addEventListener("keydown", () => { window.told.keys++; }, true);
for (const kind of ["pointerdown", "pointerup"])
  addEventListener(kind, () => { window.told.presses++; }, true);
addEventListener("pointermove", ({clientX: x, clientY: y}) => {
  if (!last || Math.hypot(x - last[0], y - last[1]) > 0.5) window.told.points++;
  last = [x, y];
}, true);
"""

Box = tuple[float, float, float, float]
Place = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A box with its class; a proposal has a score, too."""

    label: int
    box: Box
    score: float = 1.0


@dataclass(slots=True)
class Effort:
    """What an image took, by the formula."""

    keys: int = 0
    points: int = 0
    presses: int = 0
    thoughts: int = 0
    proposals: int = 0
    num_accepted: int = 0
    wait_s: float = 0.0
    num_actions: int = 0

    @property
    def motion_s(self) -> float:
        return self.keys * KEY_S + self.points * POINT_S + self.presses * PRESS_S

    def scan_s(self, wait_s: float) -> float:
        """With a glance at each proposal; ``wait_s`` is an image's wait."""
        return (
            self.motion_s + self.thoughts * THINK_S + self.proposals * GLANCE_S + wait_s
        )

    def strict_s(self, wait_s: float) -> float:
        """With a thought about each proposal."""
        return self.motion_s + (self.thoughts + self.proposals) * THINK_S + wait_s


class Annotator:
    """Works through one project in an open editor, image after image."""

    def __init__(self, page: Page, keys: dict[int, str], *, seed: int) -> None:
        self._page, self._keys = page, keys
        self._rng = random.Random(seed)
        self._zoom, self._left, self._top = 1.0, 0.0, 0.0
        self._selected: Box | None = None
        self.effort = Effort()

    def begin(self, size: tuple[int, int]) -> None:
        """Sit down before an image of so many pixels."""
        stage = self._page.locator("[data-stage]").bounding_box()
        assert stage is not None
        width, height = stage["width"], stage["height"]
        self._zoom = min(
            (width - 2 * MARGIN_PX) / size[0], (height - 2 * MARGIN_PX) / size[1]
        )
        self._left = stage["x"] + (width - size[0] * self._zoom) / 2
        self._top = stage["y"] + (height - size[1] * self._zoom) / 2
        self._selected, self._size = None, size
        self.effort = Effort(thoughts=1)  # whether all is there

    def hand_in(self, *, is_last: bool) -> Effort:
        """Go on to the next image, if there is one."""
        before = "" if is_last else self._page.evaluate("location.pathname")
        began = time.monotonic()
        with self._page.expect_response("**/submit/"):
            self._press("e")
        self._page.wait_for_function(READY, arg=before)
        self.effort.wait_s = time.monotonic() - began
        return self.effort

    def draw_all(self, truth: Sequence[Thing]) -> None:
        for thing in truth:
            self._draw(thing)

    def correct(self, truth: Sequence[Thing], made: Sequence[Thing], ok: float) -> None:
        """Repair what a model proposed, each fault by the cheapest way there is."""
        shown = [one for one in made if one.score >= THRESHOLD]
        dots = [one for one in made if one.score < THRESHOLD]
        self.effort.proposals = len(shown)
        pairs = matched(truth, shown)
        kept = {k: t for k, t in pairs.items() if iou(shown[k].box, t.box) >= ok}
        loose = self._fixable(shown, {k: pairs[k] for k in pairs.keys() - kept}, ok)
        taken = {id(pairs[k]) for k in (*kept, *loose)}
        drawn: list[Box] = []
        for thing in truth:
            if id(thing) in taken:
                continue
            dot = self._usable_dot(thing, dots, shown, drawn, ok)
            if dot is not None:
                self._promote(dot)
                drawn.append(dot.box)
            else:
                drawn.append(self._draw(thing))
        stays = [*kept, *loose]
        wrong = [one for k, one in enumerate(shown) if k not in stays]
        for number, one in enumerate(wrong):
            if not any(iou(one.box, box) >= COVERED for box in drawn):
                left = [*wrong[number + 1 :], *(shown[k] for k in stays)]
                self._reject(one, left)
        if stays:
            self._press("Shift+A")
            self.effort.num_accepted += len(stays)
        boxes = [*drawn, *(shown[k].box for k in stays)]
        for k, thing in kept.items():
            if shown[k].label != thing.label:
                self._relabel(shown[k], thing.label, boxes)
        for k, (corner, goal) in loose.items():
            self._carry(shown[k].box, corner, goal)

    def _fixable(
        self, shown: Sequence[Thing], pairs: dict[int, Thing], ok: float
    ) -> dict[int, tuple[Place, Place]]:
        """Proposals that one corner put elsewhere makes right: from where to where."""
        fixable = {}
        for k, thing in pairs.items():
            if shown[k].label != thing.label:
                continue
            others = [one.box for n, one in enumerate(shown) if n != k]
            x1, y1, x2, y2 = box = shown[k].box
            t1, u1, t2, u2 = self._jittered(thing.box)
            moves = [
                ((x, y), (t, u), (min(t, o), min(u, p), max(t, o), max(u, p)))
                for x, t, o in ((x1, t1, x2), (x2, t2, x1))
                for y, u, p in ((y1, u1, y2), (y2, u2, y1))
            ]
            corner, goal, made = max(moves, key=lambda one: iou(one[2], thing.box))
            smaller = [other for other in others if _area(other) <= _area(box)]
            is_alone = not any(self._hits(other, corner) for other in smaller)
            if iou(made, thing.box) >= ok and is_alone:
                fixable[k] = (corner, goal)
        return fixable

    def _carry(self, box: Box, corner: Place, goal: Place) -> None:
        """Put a corner elsewhere: a key takes the one under the pointer, and lets go."""
        self._press("Escape")  # else it is a corner of what is selected
        self.effort.thoughts += 1
        for place in (corner, goal):
            self._point(place)
            self._press("`")
        self._selected = box

    def _draw(self, thing: Thing) -> Box:
        x1, y1, x2, y2 = box = self._jittered(thing.box)
        corners = [
            ((x, y), (x1 + x2 - x, y1 + y2 - y)) for x in (x1, x2) for y in (y1, y2)
        ]
        free = [pair for pair in corners if not self._is_at_handle(pair[0])]
        if not free:
            self._press("Escape")
        start, end = (free or corners)[0]
        self.effort.thoughts += 2
        self._press(self._keys[thing.label])
        self._point(start)
        self._down()
        self._point(end)
        self._up()
        self._selected = box
        self.effort.num_accepted += 1
        return box

    def _usable_dot(
        self,
        thing: Thing,
        dots: Sequence[Thing],
        shown: Sequence[Thing],
        drawn: Sequence[Box],
        ok: float,
    ) -> Thing | None:
        """A candidate that a click would make this thing of, and nothing else."""
        for dot in dots:
            if dot.label != thing.label or iou(dot.box, thing.box) < ok:
                continue
            at = middle(dot.box)
            in_the_way = [*(one.box for one in shown), *drawn]
            nearest = min(dots, key=lambda one: _distance(middle(one.box), at))
            if (
                nearest is dot
                and not any(self._hits(box, at) for box in in_the_way)
                and not self._is_at_handle(at)
            ):
                return dot
        return None

    def _promote(self, dot: Thing) -> None:
        self.effort.thoughts += 2
        self._click(middle(dot.box))
        self._selected = dot.box
        self.effort.num_accepted += 1

    def _reject(self, one: Thing, others: Iterable[Thing]) -> None:
        at = self._only_in(one.box, [other.box for other in others])
        self._point(at)
        self._press("x")

    def _relabel(self, one: Thing, label: int, others: Sequence[Box]) -> None:
        self._click(self._only_in(one.box, [b for b in others if b != one.box]))
        self._press(self._keys[label])
        self._selected = one.box

    def _only_in(self, box: Box, others: Sequence[Box]) -> Place:
        """A place that means this box: no smaller one is there."""
        x1, y1, x2, y2 = box
        smaller = [other for other in others if _area(other) <= _area(box)]
        shares = (0.5, 0.35, 0.65, 0.2, 0.8, 0.05, 0.95)
        for across, down in product(shares, shares):
            at = (x1 + across * (x2 - x1), y1 + down * (y2 - y1))
            if not self._is_at_handle(at) and not any(
                self._hits(other, at) for other in smaller
            ):
                return at
        return middle(box)

    def _hits(self, box: Box, at: Place) -> bool:
        reach = (REACH_PX + 1) / self._zoom
        x1, y1, x2, y2 = box
        return x1 - reach <= at[0] <= x2 + reach and y1 - reach <= at[1] <= y2 + reach

    def _is_at_handle(self, at: Place) -> bool:
        if self._selected is None:
            return False
        x1, y1, x2, y2 = self._selected
        places = product((x1, (x1 + x2) / 2, x2), (y1, (y1 + y2) / 2, y2))
        reach = (REACH_PX + 3) / self._zoom
        return any(_distance(place, at) <= reach for place in places)

    def _jittered(self, box: Box) -> Box:
        x1, y1, x2, y2 = box
        width, height = (x2 - x1) * JITTER, (y2 - y1) * JITTER
        moved = [
            value + self._rng.gauss(0, spread)
            for value, spread in zip(box, (width, height) * 2, strict=True)
        ]
        left, right = (min(max(v, 0), self._size[0]) for v in moved[::2])
        top, bottom = (min(max(v, 0), self._size[1]) for v in moved[1::2])
        return (left, top, right, bottom)

    def _press(self, chord: str) -> None:
        self._page.keyboard.press(chord)
        self.effort.keys += chord.count("+") + 1
        self.effort.num_actions += 1

    def _point(self, at: Place) -> None:
        x, y = self._left + at[0] * self._zoom, self._top + at[1] * self._zoom
        self._page.mouse.move(x, y)
        self.effort.points += 1

    def _down(self) -> None:
        self._page.mouse.down()
        self.effort.presses += 1

    def _up(self) -> None:
        self._page.mouse.up()
        self.effort.presses += 1
        self.effort.num_actions += 1

    def _click(self, at: Place) -> None:
        self._point(at)
        self._down()
        self._up()


def told_s(page: Page) -> float:
    """Seconds of the hand's motions by what the page was told."""
    told = page.evaluate("window.told")
    return float(
        told["keys"] * KEY_S + told["points"] * POINT_S + told["presses"] * PRESS_S
    )


def matched(truth: Sequence[Thing], made: Sequence[Thing]) -> dict[int, Thing]:
    """The true thing of each proposal that has one, by position, whatever its class."""
    if not truth or not made:
        return {}
    shared = np.array([[iou(one.box, thing.box) for thing in truth] for one in made])
    rows, columns = linear_sum_assignment(-shared)
    return {
        int(row): truth[column]
        for row, column in zip(rows, columns, strict=True)
        if shared[row, column] >= MATCHED
    }


def iou(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (_area(a) + _area(b) - shared)


def middle(box: Box) -> Place:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _distance(a: Place, b: Place) -> float:
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))
