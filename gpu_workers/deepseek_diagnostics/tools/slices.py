"""Groups of objects that are found worse than the rest.

After SliceLine (Sagadeeva and Boehm, SIGMOD 2021): all pairs of properties with enough
objects, and clusters of pictures as in Domino (Eyuboglu et al., ICLR 2022). A slice is
told only where its recall is lower than that of the rest by a test that knows objects
of one picture are alike (ratio estimator over pictures), with the false discovery rate
held at 5 % (Benjamini and Hochberg, 1995).
"""

import numpy as np

from deepseek_diagnostics.case import MOST_EVIDENCE, Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.data import Floats
from deepseek_diagnostics.errors import NotApplicableError
from deepseek_diagnostics.result import (
    Action,
    Axis,
    Finding,
    Headline,
    Plot,
    Series,
    Severity,
    Table,
    ToolResult,
)
from deepseek_diagnostics.slicing import (
    LEAST_OBJECTS,
    Slice,
    candidates,
    found_objects,
    properties,
    significant,
)
from deepseek_diagnostics.words import Phrase, Plain
from deepseek_diagnostics.words import gettext_noop as _

INFO = BY_ID["slices"]
NAMES = {
    "size": _("size of the object"),
    "shape": _("width over height"),
    "edge": _("distance from the edge"),
    "crowding": _("objects in the image"),
    "brightness": _("brightness"),
    "contrast": _("contrast"),
    "sharpness": _("sharpness"),
    "saturation": _("saturation"),
    "cluster": _("group of alike images"),
}


def run(case: Case) -> ToolResult:
    is_found_N, kept_N = found_objects(case)
    if kept_N.sum() < 2 * LEAST_OBJECTS:
        raise NotApplicableError(
            _("only {num} objects: slices take at least {least}"),
            num=int(kept_N.sum()),
            least=2 * LEAST_OBJECTS,
        )
    columns = properties(case)
    weak = significant(candidates(case, columns, is_found_N, kept_N))
    overall = float(is_found_N[kept_N].mean())
    if weak:
        worst = weak[0]
        findings = [_finding(case, one, is_found_N) for one in weak[:3]]
    else:
        worst = None
        findings = [
            Finding(
                code="slices.none",
                severity=Severity.GOOD,
                text=_(
                    "No group of objects is found worse than the rest beyond chance."
                ),
                next=_("More images show smaller differences: measure again later."),
            )
        ]
    spread = 1.96 * (overall * (1 - overall) / kept_N.sum()) ** 0.5
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(
            name=_("weakest recall"),
            value=worst.recall if worst else overall,
            low=worst.low if worst else overall - spread,
            high=worst.high if worst else overall + spread,
        ),
        findings=tuple(findings),
        plots=tuple(
            _plot(case, name, columns[name], is_found_N, kept_N)
            for name in ("size", "brightness", "sharpness", "crowding")
        ),
        tables=(_table(weak),),
        values={
            "recall": overall,
            "slices": [
                {
                    "parts": [list(part) for part in one.parts],
                    "num": len(one.rows),
                    "recall": one.recall,
                    "rest": one.rest,
                    "p": one.p,
                }
                for one in weak[:50]
            ],
        },
    )


def _told(parts: tuple[tuple[str, float, float], ...]) -> list[Phrase]:
    return [_part(*one) for one in parts]


def _part(name: str, low: float, high: float) -> Phrase:
    if name not in NAMES:
        return {"text": _("class “{name}”"), "figures": {"name": name}}
    figures: dict[str, Plain] = {"what_word": NAMES[name], "low": low, "high": high}
    if name == "cluster":
        return {"text": "{what_word} {low}", "figures": figures}
    return {"text": "{what_word} {low} … {high}", "figures": figures}


def _finding(case: Case, one: Slice, is_found: np.ndarray) -> Finding:
    missed = one.rows[~is_found[one.rows]]
    images = case.truth.image_N[missed]
    order, counts = np.unique(images, return_counts=True)
    order = order[np.argsort(-counts, kind="stable")][:MOST_EVIDENCE]
    return Finding(
        code="slices.weak",
        severity=Severity.BAD if one.recall < one.rest / 2 else Severity.WARN,
        text=_(
            "Of {num} objects with {what}, {recall} are found; of the rest, {rest}."
        ),
        next=_("Label and add more images like these, then train again."),
        figures={
            "num": len(one.rows),
            "what": _told(one.parts),
            "recall": f"{100 * one.recall:.0f} %",
            "rest": f"{100 * one.rest:.0f} %",
        },
        interval=(one.low, one.high),
        action=Action.LABEL,
        evidence=tuple(
            case.evidence(int(image), truth=missed[images == image].tolist())
            for image in order
        ),
    )


def _plot(
    case: Case, name: str, values: Floats, is_found: np.ndarray, kept: np.ndarray
) -> Plot:
    cuts = np.unique(np.quantile(values[kept], np.linspace(0, 1, 9)))
    at = np.clip(
        np.searchsorted(cuts, values, side="right") - 1, 0, max(0, len(cuts) - 2)
    )
    groups = [kept & (at == n) for n in range(len(cuts))]
    groups = [one for one in groups if one.any()]
    image_N = case.truth.image_N
    return Plot(
        title=NAMES[name],
        kind="line",
        x=Axis(label=NAMES[name]),
        y=Axis(label=_("Recall"), low=0, high=1),
        series=(
            Series(
                name=_("Recall"),
                x=tuple(round(float(values[one].mean()), 4) for one in groups),
                y=tuple(round(float(is_found[one].mean()), 4) for one in groups),
                images=tuple(case.behind(image_N[one & ~is_found]) for one in groups),
            ),
        ),
    )


def _table(weak: list[Slice]) -> Table:
    return Table(
        title=_("Slices beyond chance"),
        columns=(_("Objects with"), _("How many"), _("Recall"), _("of the rest"), "p"),
        rows=tuple(
            (
                _told(one.parts),
                len(one.rows),
                round(one.recall, 3),
                round(one.rest, 3),
                f"{one.p:.1e}",
            )
            for one in weak[:30]
        ),
    )
