"""A plot as SVG text, for pages that must open anywhere. Standard library only."""

import math
from collections.abc import Callable, Sequence
from html import escape

from deepseek_diagnostics.result import Axis, Plot, Series

WIDTH, HEIGHT = 640, 280
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 24, 44
COLORS = (
    "#3b5bdb", "#2b8a3e", "#e8590c", "#c2255c", "#0c8599", "#5f3dc4", "#846358", "#495057",
)  # fmt: skip
Translate = Callable[[str], str]


def draw(plot: Plot, translate: Translate) -> str:
    """The plot, its axes and its legend; empty where no value is known."""
    is_named = plot.x.scale == "category"
    names = list(dict.fromkeys(str(x) for one in plot.series for x in one.x))
    columns = [
        [float(names.index(str(x))) if is_named else float(x) for x in one.x]
        for one in plot.series
    ]
    ys = [y for one in plot.series for y in one.y if _is_known(y, plot.y)]
    xs = [x for column in columns for x in column if is_named or _is_known(x, plot.x)]
    if not xs or not ys:
        return ""
    across = _Scale(
        Axis(label="", low=-0.5, high=len(names) - 0.5) if is_named else plot.x,
        xs, LEFT, WIDTH - RIGHT,
    )  # fmt: skip
    is_bar = plot.kind == "bar"
    up = _Scale(plot.y, [*ys, 0.0] if is_bar else ys, HEIGHT - BOTTOM, TOP)
    parts = _frame(plot, across, up, names if is_named else None, translate)
    for number, (one, column) in enumerate(zip(plot.series, columns, strict=True)):
        color = COLORS[number % len(COLORS)]
        points = [
            (across.at(x), up.at(y))
            for x, y in zip(column, one.y, strict=True)
            if y is not None and _is_known(y, plot.y)
        ]
        parts += _marks(plot, points, up, number, color)
    legend = _legend(plot.series, translate)
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    drawing = f'<svg {size} role="img">{"".join(parts)}</svg>'
    return f"{legend}{drawing}"


def _is_known(value: float | None, axis: Axis) -> bool:
    if value is None or not math.isfinite(value):
        return False
    return axis.scale != "log" or value > 0


class _Scale:
    def __init__(
        self, axis: Axis, values: Sequence[float | None], start: float, end: float
    ) -> None:
        known = [value for value in values if value is not None]
        self.is_log = axis.scale == "log"
        self.low = min(known) if axis.low is None else axis.low
        self.high = max(known) if axis.high is None else axis.high
        if self.high <= self.low:
            self.high = self.low + (abs(self.low) or 1.0)
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        low, high = self.low, self.high
        if self.is_log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return self._start + share * (self._end - self._start)

    def ticks(self) -> list[float]:
        if self.is_log:
            first = math.ceil(math.log10(self.low) - 1e-9)
            last = math.floor(math.log10(self.high) + 1e-9)
            return [10.0**power for power in range(first, last + 1)]
        rough = (self.high - self.low) / 5
        power = 10 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
        count = math.floor((self.high - self.low) / step + 1e-9)
        begin = math.ceil(self.low / step - 1e-9) * step
        ticks = [begin + number * step for number in range(count + 1)]
        return [tick for tick in ticks if tick <= self.high + 1e-9 * step]


def _frame(
    plot: Plot,
    across: _Scale,
    up: _Scale,
    names: Sequence[str] | None,
    translate: Translate,
) -> list[str]:
    parts = []
    for tick in up.ticks():
        y = up.at(tick)
        parts.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
            + _text(LEFT - 6, y + 4, f"{tick:g}", "end")
        )
    if names is None:
        parts += [
            _text(across.at(tick), HEIGHT - 28, f"{tick:g}", "middle")
            for tick in across.ticks()
        ]
    else:
        room = (WIDTH - LEFT - RIGHT) / len(names) / 6.2
        for number, name in enumerate(names):
            told = translate(name)
            short = told if len(told) <= room else f"{told[: max(1, int(room) - 1)]}…"
            parts.append(_text(across.at(number), HEIGHT - 28, short, "middle"))
    parts.append(_text(LEFT - 50, 14, _titled(plot.y, translate), "start"))
    parts.append(
        _text(
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, _titled(plot.x, translate), "middle"
        )
    )
    return parts


def _titled(axis: Axis, translate: Translate) -> str:
    label = translate(axis.label) if axis.label else ""
    return f"{label} ({axis.unit})" if axis.unit else label


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _marks(
    plot: Plot,
    points: Sequence[tuple[float, float]],
    up: _Scale,
    number: int,
    color: str,
) -> list[str]:
    if not points:
        return []
    if plot.kind == "line":
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        return [f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="2"/>']
    if plot.kind == "scatter":
        return [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}" opacity=".6"/>'
            for x, y in points
        ]
    band = (WIDTH - LEFT - RIGHT) / max(1, len(points)) * 0.7 / len(plot.series)
    shift = (number - (len(plot.series) - 1) / 2) * band
    base = up.at(max(0.0, up.low))
    return [
        f'<rect x="{x + shift - band / 2:.1f}" y="{min(y, base):.1f}" '
        f'width="{max(1.0, band - 1):.1f}" height="{abs(base - y):.1f}" fill="{color}"/>'
        for x, y in points
    ]


def _legend(series: Sequence[Series], translate: Translate) -> str:
    if len(series) < 2:
        return ""
    items = "".join(
        f'<li><i style="background:{COLORS[n % len(COLORS)]}"></i>'
        f"{escape(translate(one.name))}</li>"
        for n, one in enumerate(series)
    )
    return f'<ul class="legend">{items}</ul>'
