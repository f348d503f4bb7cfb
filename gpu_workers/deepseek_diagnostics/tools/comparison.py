"""Two models on the same pictures: who wins, what flips, and a gate for CI.

Difference in AP by a paired bootstrap over pictures (Efron and Tibshirani, 1993); objects
found by one model alone by McNemar's exact test (1947); negative flips, objects that the
new model loses, after Yan et al., "Positive-Congruent Training", CVPR 2021. ``model`` is
the new one, the other model the one that it would replace.
"""

import numpy as np
from scipy.stats import binomtest

from deepseek_diagnostics.average import Judged, judge, mean_ap
from deepseek_diagnostics.case import MOST_EVIDENCE, Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.data import Boxes
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
from deepseek_diagnostics.words import gettext_noop as _

INFO = BY_ID["comparison"]


def run(case: Case) -> ToolResult:
    threshold = case.score_threshold
    margin = case.option("gate_margin", 0.0)
    other = judge(case.truth, case.other_found)
    new_ap, *_more, new_classes = mean_ap(case.judged)
    old_ap, *_rest, old_classes = mean_ap(other)
    low, high = paired(case, other)
    counts = ~case.truth.ignored_N
    new_N, old_N = (_found(case, one, threshold) for one in (case.judged, other))
    wins = np.flatnonzero(new_N & ~old_N & counts)
    losses = np.flatnonzero(~new_N & old_N & counts)
    p = float(binomtest(len(wins), max(1, len(wins) + len(losses))).pvalue)
    change = new_ap - old_ap
    is_worse = high < -margin
    is_better = low > 0
    findings = [
        _verdict_finding(change, low, high, is_better=is_better, is_worse=is_worse),
        Finding(
            code="comparison.flips",
            severity=Severity.WARN
            if len(losses) > len(wins) and p < 0.05
            else Severity.INFO,
            text=_(
                "It finds {wins} objects that the other misses, and misses {losses} "
                "that the other finds (McNemar p = {p})."
            ),
            next=_(
                "Look at the lost ones below: if they share something, label more like "
                "them before it replaces the other."
            ),
            figures={"wins": len(wins), "losses": len(losses), "p": p},
            action=Action.LABEL if len(losses) else Action.NONE,
            evidence=_evidence(case, losses, threshold),
        ),
    ]
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(name=_("AP gained"), value=change, low=low, high=high),
        findings=tuple(findings),
        plots=(_plot(case, new_classes, old_classes, losses),),
        tables=(_table(case, new_classes, old_classes, wins, losses),),
        values={
            "AP": new_ap, "AP_other": old_ap, "change": change, "low": low,
            "high": high, "wins": len(wins), "losses": len(losses), "mcnemar_p": p,
            "both": int((new_N & old_N & counts).sum()),
            "neither": int((~new_N & ~old_N & counts).sum()),
            "gate": "fail" if is_worse else "pass",
        },
    )  # fmt: skip


def _verdict_finding(
    change: float, low: float, high: float, *, is_better: bool, is_worse: bool
) -> Finding:
    if is_worse:
        severity, action = Severity.BAD, Action.TRAIN
        text = _(
            "This model is worse than the other by {change} points of AP: the gate "
            "fails."
        )
        advice = _(
            "Keep the other model, see below what this one has lost, and train again."
        )
    elif is_better:
        severity, action = Severity.GOOD, Action.DEPLOY
        text = _("This model is better than the other by {change} points of AP.")
        advice = _("Publish it; the lost objects below say what to watch.")
    else:
        severity, action = Severity.INFO, Action.MEASURE
        text = _("The two models differ by {change} points of AP, which may be chance.")
        advice = _("Measure on more images before you choose, or take the faster one.")
    return Finding(
        code="comparison.ap",
        severity=severity,
        text=text,
        next=advice,
        figures={"change": round(100 * (abs(change) if is_worse else change), 2)},
        interval=(low, high),
        action=action,
        changes={"tool": "comparison"} if action == Action.MEASURE else {},
    )


def paired(case: Case, other: list[Judged]) -> tuple[float, float]:
    """95 % of the difference in AP, where both see the same drawn pictures."""
    return interval(
        [mean_ap(case.judged, w)[0] - mean_ap(other, w)[0] for w in drawn(case)]
    )


def _found(case: Case, judged: list[Judged], threshold: float) -> np.ndarray:
    is_found = np.zeros(len(case.truth), bool)
    for one in judged:
        hits = one.hits_TD[0] & (one.scores_D >= threshold)
        is_found[one.objects_TD[0][hits]] = True
    return is_found


def _evidence(case: Case, losses: np.ndarray, threshold: float) -> tuple[Evidence, ...]:
    """Pictures with the most lost objects, and what the other model says there."""
    truth, other = case.truth, case.other_found
    images, counts = np.unique(truth.image_N[losses], return_counts=True)
    chosen = images[np.argsort(-counts, kind="stable")][:MOST_EVIDENCE]
    return tuple(_shown(case, int(image), losses, other, threshold) for image in chosen)


def _shown(
    case: Case, image: int, losses: np.ndarray, other: Boxes, threshold: float
) -> Evidence:
    rows = losses[case.truth.image_N[losses] == image]
    boxes = np.flatnonzero((other.image_M == image) & (other.scores_M >= threshold))
    marks = [case.truth_mark(int(row)) for row in rows]
    marks += [case.found_mark(int(b), found=other, kind="other") for b in boxes[:10]]
    return Evidence(image=case.truth.images[image].id, marks=tuple(marks))


def _plot(case: Case, new: np.ndarray, old: np.ndarray, losses: np.ndarray) -> Plot:
    known = np.flatnonzero(~np.isnan(new))[:16]
    names = tuple(case.truth.classes[n] for n in known)
    truth = case.truth
    images = tuple(
        case.behind(truth.image_N[losses[truth.classes_N[losses] == n]]) for n in known
    )
    return Plot(
        title=_("AP by class"),
        kind="bar",
        x=Axis(label=_("Class"), scale="category"),
        y=Axis(label=_("AP"), low=0),
        series=tuple(
            Series(
                name=title, x=names, y=tuple(np.round(values[known], 4).tolist()),
                images=images,
            )
            for title, values in ((_("This model"), new), (_("The other"), old))
        ),
    )  # fmt: skip


def _table(
    case: Case, new: np.ndarray, old: np.ndarray, wins: np.ndarray, losses: np.ndarray
) -> Table:
    num = len(case.truth.classes)
    won, lost = (
        np.bincount(case.truth.classes_N[x], minlength=num) for x in (wins, losses)
    )
    rows = []
    for number, name in enumerate(case.truth.classes):
        pair = (float(new[number]), float(old[number]))
        told = [None if np.isnan(one) else round(one, 4) for one in pair]
        rows.append((name, *told, int(won[number]), int(lost[number])))
    return Table(
        title=_("By class"),
        columns=(_("Class"), _("This model"), _("The other"), _("Won"), _("Lost")),
        rows=tuple(rows),
    )
