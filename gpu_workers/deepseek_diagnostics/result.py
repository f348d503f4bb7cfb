"""The one form in which every tool answers. Standard library only."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from deepseek_diagnostics.words import Figure


class Severity(StrEnum):
    """How much a finding matters: the worst first."""

    BAD = "bad"
    WARN = "warn"
    INFO = "info"
    GOOD = "good"


class Action(StrEnum):
    """What a page offers to do about a finding."""

    NONE = ""
    QUEUE = "queue"
    TRAIN = "train"
    LABEL = "label"
    THRESHOLD = "threshold"
    TEMPERATURE = "temperature"
    PRECISION = "precision"
    SMALLER = "smaller"
    SPLIT = "split"
    REMOVE = "remove"
    MEASURE = "measure"
    DEPLOY = "deploy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A box over a picture, in pixels of the upright original.

    Attributes:
        kind: "truth" as labeled, "found" by the model, "other" by a second model.
        id: The annotation's, where it has one.
    """

    kind: str
    label: str
    bbox: tuple[float, float, float, float]
    score: float | None = None
    id: str = ""

    def to_row(self) -> list[str | float | None]:
        """Kind, label, score and the four sides, without the annotation's id."""
        return [self.kind, self.label, self.score, *self.bbox]

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> "Mark":
        kind, label, score, x1, y1, x2, y2 = row
        return cls(kind=kind, label=label, score=score, bbox=(x1, y1, x2, y2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One picture behind a finding.

    Attributes:
        image: Its id in the data.
        text: What to see there; ``figures`` fill it in.
        heat: Rows of a map over the picture, in [0, 1].
        beside: Another picture, to be seen with it.
        of: The series or category of a plot that it stands behind, where the picture
            stands behind several.
    """

    image: int
    text: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    marks: Sequence[Mark] = ()
    heat: Sequence[Sequence[float]] = ()
    beside: int | None = None
    of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence, what it rests on, and what to do.

    Attributes:
        code: Stable, such as "quality.weak_class".
        text: A sentence with places for ``figures``.
        next: What to do, with places for the same figures.
        interval: Of the main figure, 95 %.
        changes: What a new run, or a changed model, takes: "side_px", "lr", "preset",
            "colour", "temperature", "score_threshold", "float_layers", "keep"; for another
            report "tool".
    """

    code: str
    severity: Severity
    text: str
    next: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    interval: tuple[float, float] | None = None
    action: Action = Action.NONE
    changes: Mapping[str, float | int | str] = field(default_factory=dict)
    evidence: Sequence[Evidence] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    label: str
    unit: str = ""
    scale: str = "linear"
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line, set of bars or cloud of points.

    Attributes:
        images: For each point the ids of some pictures behind it; empty where no
            picture is.
    """

    name: str
    x: Sequence[float] | Sequence[str]
    y: Sequence[float | None]
    images: Sequence[Sequence[int]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A chart; ``kind`` is "line", "bar" or "scatter"."""

    title: str
    kind: str
    x: Axis
    y: Axis
    series: Sequence[Series] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text and numbers; the first column names the row."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Figure | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The one number by which a later report is compared with this one.

    Attributes:
        low: Of its 95 % interval.
        is_more_better: Whether a rise is a gain.
    """

    name: str
    value: float
    low: float
    high: float
    is_more_better: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool says.

    Attributes:
        question: In one line.
        skipped: Why it says nothing; empty where it does.
        values: Numbers for other programs, by name.
        seconds: What it took; with ``peak_mb`` its cost.
    """

    tool: str
    version: int
    question: str
    headline: Headline | None = None
    findings: Sequence[Finding] = ()
    plots: Sequence[Plot] = ()
    tables: Sequence[Table] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    skipped: str = ""
    skipped_figures: Mapping[str, Figure] = field(default_factory=dict)
    seconds: float = 0.0
    peak_mb: float = 0.0
    is_cached: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> "ToolResult":
        """Read what ``to_json`` wrote.

        Raises:
            TypeError: It is of another form.
        """
        headline = wire.get("headline")
        return cls(
            **{
                **wire,
                "headline": Headline(**headline) if headline else None,
                "findings": tuple(_finding(one) for one in wire["findings"]),
                "plots": tuple(_plot(one) for one in wire["plots"]),
                "tables": tuple(Table(**one) for one in wire["tables"]),
            }
        )

    @property
    def severity(self) -> Severity:
        """The worst of its findings."""
        order = list(Severity)
        found = [one.severity for one in self.findings]
        return min(found, key=order.index, default=Severity.INFO)


def _finding(wire: dict[str, Any]) -> Finding:
    interval = wire.get("interval")
    return Finding(
        **{
            **wire,
            "severity": Severity(wire["severity"]),
            "action": Action(wire["action"]),
            "interval": tuple(interval) if interval else None,
            "evidence": tuple(
                Evidence(
                    **{
                        **one,
                        "marks": tuple(
                            Mark(**{**mark, "bbox": tuple(mark["bbox"])})
                            for mark in one["marks"]
                        ),
                    }
                )
                for one in wire["evidence"]
            ),
        }
    )


def _plot(wire: dict[str, Any]) -> Plot:
    return Plot(
        **{
            **wire,
            "x": Axis(**wire["x"]),
            "y": Axis(**wire["y"]),
            "series": tuple(Series(**one) for one in wire["series"]),
        }
    )


def verdict(before: Headline, after: Headline) -> tuple[str, float]:
    """Whether a figure changed by more than chance: "gain", "loss" or "no effect".

    The two are taken as independent samples, whose intervals give the spread; for the
    same pictures measured twice that is on the careful side.

    Returns:
        The word, and by how much it changed.
    """
    change = after.value - before.value
    spread = [(one.high - one.low) / 3.92 for one in (before, after)]
    if abs(change) <= 1.96 * (spread[0] ** 2 + spread[1] ** 2) ** 0.5:
        return "no effect", change
    return ("gain" if (change > 0) == after.is_more_better else "loss"), change
