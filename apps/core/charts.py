"""What a chart shows: made by selectors, drawn by static/src/charts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["line", "bar", "scatter"]
Scale = Literal["linear", "log", "time", "category"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis.

    Attributes:
        unit: Written behind the label and each value: "ms", "images/s", "%".
        scale: ``time`` counts seconds since 1970; ``category`` is for x alone.
        low: Where the axis begins; None leaves it to the data.
        high: Where it ends.
    """

    label: str
    unit: str = ""
    scale: Scale = "linear"
    low: float | None = None
    high: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "unit": self.unit,
            "scale": self.scale,
            "min": self.low,
            "max": self.high,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line, set of bars or cloud of points; None or NaN in y is a gap.

    Attributes:
        behind: How many things the page can show for each point, where it can.

    Raises:
        ValueError: Its two columns are not of one length.
    """

    name: str
    x: Sequence[float] | Sequence[str]
    y: Sequence[float | None]
    behind: Sequence[int] = ()

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            msg = f"{self.name}: x has {len(self.x)} values, y has {len(self.y)}"
            raise ValueError(msg)

    def as_json(self) -> dict[str, Any]:
        columns = {"x": list(self.x), "y": [_plain(y) for y in self.y]}
        behind = {"behind": list(self.behind)} if any(self.behind) else {}
        return {"name": self.name, **columns, **behind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart for ``{% chart %}``, or for an address that one has as its src."""

    title: str
    kind: Kind
    x: Axis
    y: Axis
    series: Sequence[Series] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "kind": self.kind,
            "x": self.x.as_json(),
            "y": self.y.as_json(),
            "series": [one.as_json() for one in self.series],
        }


def _plain(value: float | None) -> float | None:
    """JSON has neither NaN nor infinity."""
    return value if value is not None and math.isfinite(value) else None
