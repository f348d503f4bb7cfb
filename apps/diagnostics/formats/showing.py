"""A tool's result as a page shows it: said in the reader's language, with pictures."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core import charts
from apps.diagnostics.models import Promise, Report
from apps.labeling.types import FrozenPicture
from deepseek_diagnostics.catalog import BY_ID, ToolInfo
from deepseek_diagnostics.result import (
    Axis,
    Evidence,
    Finding,
    Mark,
    Plot,
    Table,
    ToolResult,
)
from deepseek_diagnostics.words import as_text, say, told_of

MOST_SERIES = 8
MOST_BEHIND = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownEvidence:
    """A picture behind a finding."""

    picture: FrozenPicture
    text: str
    marks: Sequence[Mark]
    heat: Sequence[Sequence[float]]
    beside: FrozenPicture | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFinding:
    code: str
    severity: str
    text: str
    next: str
    interval: str
    action: str
    changes: Mapping[str, float | int | str]
    evidence: Sequence[ShownEvidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTable:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTool:
    """One tool's part of the page.

    Attributes:
        without_images: Titles of charts behind no point of which an image stands.
    """

    id: str
    title: str
    question: str
    cost: str
    skipped: str
    findings: Sequence[ShownFinding]
    charts: Sequence[charts.Chart]
    tables: Sequence[ShownTable]
    without_images: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow:
    """A tool in the list of all."""

    id: str
    title: str
    severity: str
    figure: str
    span: str
    text: str


def refused(report: Report) -> str:
    """Why a report failed, in the reader's language where the measuring said why."""
    why = report.refusal
    is_of_now = bool(why) and say(why["text"], why["figures"]) == report.job.error
    return say(why["text"], why["figures"], _) if is_of_now else report.job.error


def tool_title(tool: str) -> str:
    return _(BY_ID[tool].title) if tool in BY_ID else tool


def tool_question(info: ToolInfo) -> str:
    return _(info.question)


def summary(results: Sequence[ToolResult]) -> list[SummaryRow]:
    return [_summary_row(one) for one in results]


def _summary_row(result: ToolResult) -> SummaryRow:
    headline = result.headline
    first = result.findings[0] if result.findings else None
    text = say(first.text, first.figures, _) if first else ""
    if result.skipped:
        text = say(result.skipped, result.skipped_figures, _)
    return SummaryRow(
        id=result.tool,
        title=tool_title(result.tool),
        severity="skipped" if result.skipped else result.severity.value,
        figure=f"{_(headline.name)} {as_text(headline.value)}" if headline else "",
        span=_span(headline.low, headline.high) if headline else "",
        text=text,
    )


def _span(low: float, high: float) -> str:
    return f"{as_text(low)} … {as_text(high)}"


def promised(promises: Iterable[Promise]) -> list[str]:
    """After what the report is measured again by itself."""
    told = []
    for one in promises:
        if one.job_id is not None:
            told.append(_("Measured again when the training is done."))
            continue
        num = len(one.image_ids)
        text = ngettext(
            "Measured again when {num} image is submitted again.",
            "Measured again when {num} images are submitted again.",
            num,
        )
        told.append(text.format(num=num))
    return list(dict.fromkeys(told))


def image_ids(result: ToolResult) -> set[int]:
    """The images that a result speaks of."""
    ids = {one.image for finding in result.findings for one in finding.evidence}
    return ids | beside(result, ids)


def beside(result: ToolResult, ids: Collection[int]) -> set[int]:
    """The images that are shown next to these."""
    return {
        one.beside
        for finding in result.findings
        for one in finding.evidence
        if one.image in ids and one.beside is not None
    }


def behind(result: ToolResult, plot: int, points: Sequence[str]) -> dict[int, str]:
    """The images behind some points of a plot, each "series.place"; wrong ones have none.

    Returns:
        For each image's id the category, or the number, of its point.
    """
    if not 0 <= plot < len(result.plots):
        return {}
    all_series = result.plots[plot].series
    found: dict[int, str] = {}
    for point in points:
        series, _dot, at = point.partition(".")
        if series.isdecimal() and at.isdecimal() and int(series) < len(all_series):
            one = all_series[int(series)]
            if int(at) < len(one.images):
                found |= dict.fromkeys(one.images[int(at)], str(one.x[int(at)]))
    return dict(list(found.items())[:MOST_BEHIND])


def shown_behind(
    result: ToolResult,
    behind: Mapping[int, str],
    pictures: Mapping[int, FrozenPicture],
    marks: Mapping[int, Sequence[Mark]],
) -> list[ShownEvidence]:
    """Pictures by their ids, with what a finding draws on them at that place.

    Where no finding says what to look at, all that was labeled and found is drawn.
    """
    known: dict[tuple[int, str], Evidence] = {}
    for finding in result.findings:
        for one in finding.evidence:
            known[one.image, one.of] = known[one.image, ""] = one
    shown: list[ShownEvidence] = []
    seen: set[int] = set()
    for pk, of in behind.items():
        plain = Evidence(image=pk, marks=marks.get(pk, ()))
        told = known.get((pk, of)) or known.get((pk, ""), plain)
        if pk in pictures and pk not in seen:
            shown.append(_evidence(told, pictures))
            seen |= {pk, told.beside or pk}
    return shown


def shown(result: ToolResult, pictures: Mapping[int, FrozenPicture]) -> ShownTool:
    info = BY_ID[result.tool]
    return ShownTool(
        id=result.tool,
        title=_(info.title),
        question=_(info.question),
        cost=_("{seconds} s, {memory} MB").format(
            seconds=as_text(result.seconds), memory=as_text(round(result.peak_mb))
        ),
        skipped=say(result.skipped, result.skipped_figures, _),
        findings=[_finding(one, pictures) for one in result.findings],
        charts=[chart_of(one) for one in result.plots],
        tables=[_table(one) for one in result.tables],
        without_images=[
            _(plot.title)
            for plot in result.plots
            if not any(some for one in plot.series for some in one.images)
        ],
    )


def _finding(finding: Finding, pictures: Mapping[int, FrozenPicture]) -> ShownFinding:
    return ShownFinding(
        code=finding.code,
        severity=finding.severity.value,
        text=say(finding.text, finding.figures, _),
        next=say(finding.next, finding.figures, _),
        interval=_span(*finding.interval) if finding.interval else "",
        action=finding.action.value,
        changes=finding.changes,
        evidence=[
            _evidence(one, pictures)
            for one in finding.evidence
            if one.image in pictures
        ],
    )


def _evidence(one: Evidence, pictures: Mapping[int, FrozenPicture]) -> ShownEvidence:
    return ShownEvidence(
        picture=pictures[one.image],
        text=say(one.text, one.figures, _),
        marks=one.marks,
        heat=one.heat,
        beside=pictures.get(one.beside) if one.beside is not None else None,
    )


def chart_of(plot: Plot) -> charts.Chart:
    return charts.Chart(
        title=_(plot.title),
        kind=plot.kind,  # type: ignore[arg-type]  # the packages share these words
        x=_axis(plot.x),
        y=_axis(plot.y),
        series=[
            charts.Series(
                name=_(one.name),
                x=[_(str(x)) for x in one.x] if plot.x.scale == "category" else one.x,
                y=one.y,
                behind=[len(some) for some in one.images],
            )
            for one in plot.series[:MOST_SERIES]
        ],
    )


def _axis(axis: Axis) -> charts.Axis:
    return charts.Axis(
        label=_(axis.label) if axis.label else "",
        unit=axis.unit,
        scale=axis.scale,  # type: ignore[arg-type]  # the packages share these words
        low=axis.low,
        high=axis.high,
    )


def _table(table: Table) -> ShownTable:
    return ShownTable(
        title=_(table.title),
        columns=[_(one) for one in table.columns],
        rows=[
            [
                "-" if value is None
                else (_(value) if value else "") if isinstance(value, str)
                else told_of(value, _)
                for value in row
            ]
            for row in table.rows
        ],
    )  # fmt: skip
