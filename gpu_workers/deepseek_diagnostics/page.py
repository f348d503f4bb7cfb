"""A whole report as one HTML file without scripts. Standard library only."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.result import Evidence, Finding, Table, ToolResult
from deepseek_diagnostics.svg import draw
from deepseek_diagnostics.words import Figure, Translate, as_text, say, told_of

MOST_PICTURES = 6
MOST_ROWS = 60
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:#1b1f2a;overflow-wrap:anywhere}
h2{margin-top:2.5rem;border-top:1px solid #ddd;padding-top:1.2rem}
table{border-collapse:collapse;margin:.8rem 0;font-size:13px;display:block;overflow-x:auto}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid #e6e6e6;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
.finding{border-left:4px solid #868e96;padding:.1rem .9rem;margin:.9rem 0}
.bad{border-color:#c92a2a}.warn{border-color:#e67700}.good{border-color:#2b8a3e}
.next{color:#495057}
.soft{color:#5c6370}
svg{max-width:100%;height:auto;font:11px system-ui,sans-serif}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;list-style:none;padding:0;font-size:12px}
.legend i{display:inline-block;width:.8rem;height:.5rem;margin-right:.35rem}
.pictures{display:flex;flex-wrap:wrap;align-items:start;gap:.6rem}
figure{position:relative;margin:0;width:13rem}
figure img{width:100%;display:block}
figure svg{position:absolute;left:0;top:0;width:100%;height:auto}
rect.truth{stroke:#fff;stroke-dasharray:4 4}rect.found{stroke:#4dabf7}rect.other{stroke:#ffa94d}
figure rect{fill:none;stroke-width:2;vector-effect:non-scaling-stroke}
figure rect.heat{fill:#e03131;stroke:none}
.summary td:last-child{text-align:left;white-space:normal}
svg text{fill:currentColor}
@media(max-width:40rem){h1{font-size:1.4rem}.summary :is(tbody,tr,td){display:block}
.summary td{border:0;padding:0;text-align:left;white-space:normal}
.summary td:first-child{font-weight:600}
.summary tr{padding:.5rem 0;border-bottom:1px solid #e6e6e6}}
@media screen and (prefers-color-scheme:dark){:root{color-scheme:dark}
body{background:#14161b;color:#e4e7ee}.next,.soft{color:#a3aab8}
h2,th,td,.summary tr{border-color:#333842}svg [stroke="#ddd"]{stroke:#333842}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A picture of the data, small; width and height are the original's."""

    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What stands above the results.

    Attributes:
        facts: Name and value, as they are to be read.
    """

    title: str
    facts: Sequence[tuple[str, str]] = field(default_factory=tuple)


Pictures = Callable[[int], Thumbnail | None]


def write_page(
    cover: Cover,
    results: Sequence[ToolResult],
    *,
    translate: Translate,
    pictures: Pictures,
) -> str:
    """The report; opens without a server, and asks nothing of any.

    Args:
        cover: Its head.
        results: In the order to show.
        translate: Sentences of the tools to the reader's language.
        pictures: Gives the thumbnail of an image of the data, or None.
    """
    facts = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
        for name, value in cover.facts
    )
    parts = [
        '<!doctype html><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(cover.title)}</title><style>{STYLE}</style>",
        f"<h1>{escape(cover.title)}</h1><table>{facts}</table>",
        _summary(results, translate),
    ]
    parts += [_tool(one, translate, pictures) for one in results]
    return "\n".join(parts) + "\n"


def summary_rows(
    results: Sequence[ToolResult], translate: Translate
) -> list[tuple[str, str, str]]:
    """Tool, figure and first finding of each; what the command line prints."""
    rows = []
    for one in results:
        headline = one.headline
        figure = ""
        if headline is not None:
            span = f"{as_text(headline.low)} … {as_text(headline.high)}"
            figure = f"{translate(headline.name)} {as_text(headline.value)} ({span})"
        if one.skipped:
            said = say(one.skipped, one.skipped_figures, translate)
        elif one.findings:
            said = say(one.findings[0].text, one.findings[0].figures, translate)
        else:
            said = ""
        rows.append((translate(BY_ID[one.tool].title), figure, said))
    return rows


def _summary(results: Sequence[ToolResult], translate: Translate) -> str:
    rows = "".join(
        f"<tr><td>{escape(title)}</td><td>{escape(figure)}</td>"
        f"<td>{escape(said)}</td></tr>"
        for title, figure, said in summary_rows(results, translate)
    )
    return f'<table class="summary">{rows}</table>'


def _tool(result: ToolResult, translate: Translate, pictures: Pictures) -> str:
    info = BY_ID[result.tool]
    cost = f"{result.seconds:.1f} s, {result.peak_mb:.0f} MB"
    parts = [
        f"<h2>{escape(translate(info.title))}</h2>",
        f'<p class="soft">{escape(translate(info.question))} · {cost}</p>',
    ]
    if result.skipped:
        reason = say(result.skipped, result.skipped_figures, translate)
        parts.append(f"<p>{escape(reason)}</p>")
    parts += [_finding(one, translate, pictures) for one in result.findings]
    for plot in result.plots:
        if drawn := draw(plot, translate):
            parts.append(f"<h3>{escape(translate(plot.title))}</h3>{drawn}")
    parts += [_table(one, translate) for one in result.tables if one.rows]
    return "\n".join(parts)


def _finding(finding: Finding, translate: Translate, pictures: Pictures) -> str:
    text = escape(say(finding.text, finding.figures, translate))
    advice = escape(say(finding.next, finding.figures, translate))
    shown = "".join(
        _figure(one, translate, pictures) for one in finding.evidence[:MOST_PICTURES]
    )
    return (
        f'<div class="finding {finding.severity}"><p>{text}</p>'
        f'<p class="next">{advice}</p><div class="pictures">{shown}</div></div>'
    )


def _figure(one: Evidence, translate: Translate, pictures: Pictures) -> str:
    picture = pictures(one.image)
    if picture is None:
        return ""
    other = pictures(one.beside) if one.beside is not None else None
    rects = heat_rects(one.heat, picture.width, picture.height) + "".join(
        f'<rect class="{mark.kind}" x="{mark.bbox[0]}" y="{mark.bbox[1]}" '
        f'width="{mark.bbox[2] - mark.bbox[0]:.1f}" '
        f'height="{mark.bbox[3] - mark.bbox[1]:.1f}"/>'
        for mark in one.marks
    )
    said = escape(say(one.text, one.figures, translate))
    return (
        f'<figure>{_img(picture)}<svg viewBox="0 0 {picture.width} {picture.height}" '
        f'preserveAspectRatio="none">{rects}</svg>'
        f"<figcaption>{said}</figcaption></figure>"
        + (f"<figure>{_img(other)}</figure>" if other else "")
    )


def _img(picture: Thumbnail) -> str:
    data = base64.b64encode(picture.jpeg).decode()
    return f'<img alt="" src="data:image/jpeg;base64,{data}">'


def heat_rects(heat: Sequence[Sequence[float]], width: int, height: int) -> str:
    """A map as squares over a picture, clear where it is cold."""
    parts = []
    for row, line in enumerate(heat):
        tall, wide = height / len(heat), width / len(line)
        parts += [
            f'<rect class="heat" x="{column * wide:.1f}" y="{row * tall:.1f}" '
            f'width="{wide:.1f}" height="{tall:.1f}" fill-opacity="{0.75 * value:.2f}"/>'
            for column, value in enumerate(line)
            if value > 0.15
        ]
    return "".join(parts)


def _table(table: Table, translate: Translate) -> str:
    head = "".join(f"<th>{escape(translate(one))}</th>" for one in table.columns)
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td>{escape(_cell(value, translate, is_name=at == 0))}</td>"
            for at, value in enumerate(row)
        )
        + "</tr>"
        for row in table.rows[:MOST_ROWS]
    )
    title = escape(translate(table.title))
    return f"<h3>{title}</h3><table><tr>{head}</tr>{rows}</table>"


def _cell(value: Figure | None, translate: Translate, *, is_name: bool) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return translate(value) if is_name and value else value
    return told_of(value, translate)
