"""What each kind of error costs (TIDE).

Bolya, Foley, Hays, Hoffman, "TIDE: A General Toolbox for Identifying Object Detection
Errors", ECCV 2020: every false positive and every missed object is of one kind; a
kind's cost is by how much AP at IoU .5 rises when an oracle repairs it alone.
"""

from collections.abc import Sequence

import numpy as np

from deepseek_diagnostics.case import MOST_EVIDENCE, Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.result import (
    Action,
    Axis,
    Evidence,
    Finding,
    Headline,
    Plot,
    Series,
    Severity,
    Table,
    ToolResult,
)
from deepseek_diagnostics.sampling import drawn, interval
from deepseek_diagnostics.tide import KINDS, Faults, costs_of, find_faults
from deepseek_diagnostics.words import gettext_noop as _

INFO = BY_ID["errors"]
NUM_RESAMPLES = 60
TITLES = {
    "class": _("Wrong class"),
    "location": _("Badly placed"),
    "both": _("Class and place"),
    "duplicate": _("Found twice"),
    "background": _("Nothing there"),
    "missed": _("Missed"),
}
ADVICE = {
    "class": _(
        "Make the difference between the confused classes clear in the guide, and "
        "label more of both."
    ),
    "location": _(
        "Check how tightly boxes were drawn, and train longer or at a larger image "
        "side."
    ),
    "both": _("Label more: the model knows neither what these are nor where they end."),
    "duplicate": _("Lower the IoU threshold of suppression in the model's settings."),
    "background": _(
        "Add images without objects that look like these, or raise the score threshold."
    ),
    "missed": _(
        "Label more images with the missed kind of object; see which sizes they have."
    ),
}


def run(case: Case) -> ToolResult:
    faults = find_faults(case.truth, case.found)
    costs = costs_of(case.truth, case.found, faults)
    sums = [
        sum(costs_of(case.truth, case.found, faults, weights)[kind] for kind in KINDS)
        for weights in drawn(case, num=NUM_RESAMPLES)
    ]
    low, high = interval(sums)
    base = costs.pop("AP50")
    worst = max(KINDS, key=lambda kind: costs[kind])
    nums = {k: len(faults.boxes[k]) for k in KINDS} | {"missed": len(faults.missed)}
    finding = Finding(
        code=f"errors.{worst}",
        severity=Severity.WARN if costs[worst] >= 0.05 else Severity.INFO,
        text=_(
            "“{kind_word}” costs the most: repairing these {num} errors alone would "
            "add "
            "{cost} points of AP at IoU 0.5 to {ap}."
        ),
        next=ADVICE[worst],
        figures={
            "kind_word": TITLES[worst],
            "num": nums[worst],
            "cost": 100 * costs[worst],
            "ap": 100 * base,
        },
        action=Action.QUEUE,
        evidence=_evidence(case, faults, worst),
    )
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(
            name=_("AP lost"), value=sum(costs.values()), low=low, high=high,
            is_more_better=False,
        ),
        findings=(finding,),
        plots=(
            Plot(
                title=_("What each kind of error costs"),
                kind="bar",
                x=Axis(label=_("Error"), scale="category"),
                y=Axis(label=_("AP lost"), unit="pt", low=0),
                series=(
                    Series(
                        name=_("AP lost"),
                        x=tuple(TITLES[kind] for kind in KINDS),
                        y=tuple(round(100 * costs[kind], 3) for kind in KINDS),
                        images=tuple(
                            case.behind_ids(
                                one.image for one in _evidence(case, faults, kind)
                            )
                            for kind in KINDS
                        ),
                    ),
                ),
            ),
        ),
        tables=(
            Table(
                title=_("By kind of error"),
                columns=(_("Error"), _("How many"), _("AP lost")),
                rows=tuple((TITLES[k], nums[k], round(costs[k], 5)) for k in KINDS),
            ),
        ),
        values={"AP50": base, **costs, "num": nums},
    )  # fmt: skip


def _evidence(case: Case, faults: Faults, kind: str) -> tuple[Evidence, ...]:
    """The pictures with the surest errors of a kind."""
    truth, found = case.truth, case.found
    if kind == "missed":
        rows: Sequence[int] = faults.missed
        images = truth.image_N[np.array(rows, np.int64)]
        order = np.unique(images)[:MOST_EVIDENCE]
        return tuple(
            case.evidence(int(i), truth=[r for r in rows if truth.image_N[r] == i])
            for i in order
        )
    rows = sorted(faults.boxes[kind], key=lambda row: -found.scores_M[row])
    seen: dict[int, list[int]] = {}
    for row in rows:
        image = int(found.image_M[row])
        if image in seen or len(seen) < MOST_EVIDENCE:
            seen.setdefault(image, []).append(row)
    return tuple(
        case.evidence(
            image,
            truth=np.flatnonzero(truth.image_N == image)[:20].tolist(),
            found=some[:5],
        )
        for image, some in seen.items()
    )
