"""From which score on a box should count, for a measure or for money.

F-beta: van Rijsbergen, "Information Retrieval", 1979. Cost curves: Drummond and Holte,
"Cost curves", Machine Learning, 2006. A missed object and a false alarm cost what the
options ``cost_missed`` and ``cost_false`` say; intervals resample whole pictures.
"""

import numpy as np

from deepseek_diagnostics.average import Judged
from deepseek_diagnostics.case import MOST_EVIDENCE, Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.data import Floats
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

INFO = BY_ID["threshold"]
STEP = 0.02
THRESHOLDS = np.round(np.linspace(0.02, 0.98, 49), 2)


def run(case: Case) -> ToolResult:
    beta = case.option("beta", 1.0)
    costs = case.option("cost_missed", 10.0), case.option("cost_false", 1.0)
    hits_IT, boxes_IT, num_I = counts(case.judged, len(case.truth.images))
    total = sums(hits_IT, boxes_IT, num_I, np.ones(len(num_I)))
    f_T = f_beta(total, beta)
    best = int(np.argmax(f_T))
    money_T = cost(total, costs)
    cheapest = int(np.argmin(money_T))
    in_use = case.score_threshold
    now = int(np.argmin(np.abs(THRESHOLDS - in_use)))
    tables = hits_IT, boxes_IT, num_I
    chosen, paid, spared = _resampled(case, tables, beta, costs, now)
    low, high = interval(chosen)
    saved = float(money_T[now] - money_T[cheapest])
    findings = [
        Finding(
            code="threshold.f",
            severity=Severity.WARN if f_T[now] < f_T[best] - 0.02 else Severity.GOOD,
            text=_(
                "A threshold of {best} balances best (F {f}); {now} is in use (F "
                "{f_now})."
            ),
            next=_("Set the score threshold to {best}."),
            figures={
                "best": float(THRESHOLDS[best]),
                "f": float(f_T[best]),
                "now": in_use,
                "f_now": float(f_T[now]),
            },
            interval=(low, high),
            action=Action.THRESHOLD,
            changes={"score_threshold": float(THRESHOLDS[best])},
            evidence=_near(case, float(THRESHOLDS[best])),
        ),
        Finding(
            code="threshold.cost",
            severity=Severity.INFO,
            text=_(
                "If a missed object costs {missed} and a false alarm {false}, {best} "
                "is cheapest: it saves {saved} an image."
            ),
            next=_("Set your own costs in the report's options and measure again."),
            figures={
                "missed": costs[0],
                "false": costs[1],
                "best": float(THRESHOLDS[cheapest]),
                "saved": saved,
            },
            interval=interval(spared),
            action=Action.THRESHOLD,
            changes={"score_threshold": float(THRESHOLDS[cheapest])},
        ),
    ]
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(
            name=_("cost an image"), value=float(money_T[now]), is_more_better=False,
            low=interval(paid)[0], high=interval(paid)[1],
        ),
        findings=tuple(findings),
        plots=_plots(case, total, f_T, money_T),
        tables=(_by_class(case),),
        values={
            "best_f": float(THRESHOLDS[best]), "f": float(f_T[best]),
            "cheapest": float(THRESHOLDS[cheapest]),
            "thresholds": THRESHOLDS.tolist(), "missed": total[1].tolist(),
            "false": total[2].tolist(), "hits": total[0].tolist(),
            "num_images": len(num_I),
        },
    )  # fmt: skip


Sums = tuple[Floats, Floats, Floats]


def counts(judged: list[Judged], num_images: int) -> tuple[Floats, Floats, Floats]:
    """Right boxes and all boxes of each picture at each threshold; its objects."""
    hits, boxes = (np.zeros((num_images, len(THRESHOLDS))) for _turn in range(2))
    nums = np.zeros(num_images)
    for one in judged:
        nums += one.num_I
        counted = ~one.ignored_TD[0]
        for column, threshold in enumerate(THRESHOLDS):
            kept = counted & (one.scores_D >= threshold)
            boxes[:, column] += np.bincount(one.image_D[kept], minlength=num_images)
            right = kept & one.hits_TD[0]
            hits[:, column] += np.bincount(one.image_D[right], minlength=num_images)
    return hits, boxes, nums


def sums(hits_IT: Floats, boxes_IT: Floats, num_I: Floats, weights_I: Floats) -> Sums:
    """Hits, misses and false alarms an image at each threshold."""
    share = weights_I / weights_I.sum()
    hits, boxes = share @ hits_IT, share @ boxes_IT
    return hits, float(share @ num_I) - hits, boxes - hits


def f_beta(told: Sums, beta: float) -> Floats:
    hits, missed, false = told
    top = (1 + beta**2) * hits
    return np.asarray(top / np.maximum(top + beta**2 * missed + false, 1e-12))


def cost(told: Sums, costs: tuple[float, float]) -> Floats:
    return np.asarray(costs[0] * told[1] + costs[1] * told[2])


def _resampled(
    case: Case, tables: Sums, beta: float, costs: tuple[float, float], now: int
) -> tuple[Floats, Floats, Floats]:
    """Best threshold by F, cost at the one in use, and what the cheapest spares."""
    rows = []
    for weights in drawn(case):
        told = sums(*tables, weights)
        money = cost(told, costs)
        best = THRESHOLDS[int(np.argmax(f_beta(told, beta)))]
        rows.append((best, money[now], money[now] - money.min()))
    chosen, paid, spared = np.array(rows).T
    return chosen, paid, spared


def _plots(case: Case, total: Sums, f_T: Floats, money_T: Floats) -> tuple[Plot, ...]:
    hits, missed, false = total
    x = tuple(THRESHOLDS.tolist())
    shares = {
        _("Precision"): hits / np.maximum(hits + false, 1e-12),
        _("Recall"): hits / np.maximum(hits + missed, 1e-12),
        _("F"): f_T,
    }
    axis = Axis(label=_("Score threshold"), low=0, high=1)
    images = tuple(_decided(case, float(one)) for one in THRESHOLDS)
    return (
        Plot(
            title=_("Precision, recall and F"),
            kind="line",
            x=axis,
            y=Axis(label=_("Share"), low=0, high=1),
            series=tuple(
                Series(
                    name=name, x=x, y=tuple(np.round(values, 4).tolist()), images=images
                )
                for name, values in shares.items()
            ),
        ),
        Plot(
            title=_("Cost of an image"),
            kind="line",
            x=axis,
            y=Axis(label=_("Cost"), low=0),
            series=(
                Series(
                    name=_("Cost"), x=x, y=tuple(np.round(money_T, 5).tolist()),
                    images=images,
                ),
            ),
        ),
    )  # fmt: skip


def _decided(case: Case, threshold: float) -> tuple[int, ...]:
    """The pictures whose boxes a small move of a threshold takes in or out."""
    gaps = np.abs(case.found.scores_M - threshold)
    rows = np.argsort(gaps, kind="stable")
    rows = rows[gaps[rows] <= STEP]
    return case.behind(case.found.image_M[rows])


def _by_class(case: Case) -> Table:
    """The best threshold of each class by F1."""
    rows = []
    for name, one in zip(case.truth.classes, case.judged, strict=True):
        tables = counts([one], len(case.truth.images))
        told = sums(*tables, np.ones(len(case.truth.images)))
        f_T = f_beta(told, 1.0)
        at = int(np.argmax(f_T))
        is_known = one.num_I.sum() > 0
        rows.append(
            (
                name,
                float(THRESHOLDS[at]) if is_known else None,
                round(float(f_T[at]), 4) if is_known else None,
            )
        )
    return Table(
        title=_("By class"),
        columns=(_("Class"), _("Best threshold"), _("F1")),
        rows=tuple(rows),
    )


def _near(case: Case, threshold: float) -> tuple[Evidence, ...]:
    """The boxes that the threshold decides on."""
    found = case.found
    order = np.argsort(np.abs(found.scores_M - threshold), kind="stable")
    return tuple(
        case.evidence(int(found.image_M[row]), found=[int(row)])
        for row in order[:MOST_EVIDENCE]
    )
