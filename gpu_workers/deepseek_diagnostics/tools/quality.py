"""COCO average precision with bootstrap intervals, per class and per size.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; intervals by
resampling whole pictures (Efron, "Bootstrap methods", Annals of Statistics, 1979).
"""

import numpy as np

from deepseek_diagnostics.average import AREAS, Judged, curve, judge, mean_ap
from deepseek_diagnostics.case import MOST_EVIDENCE, Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.curves import f1_plot, recall_plot
from deepseek_diagnostics.data import Floats
from deepseek_diagnostics.result import (
    Action,
    Evidence,
    Finding,
    Headline,
    Severity,
    Table,
    ToolResult,
)
from deepseek_diagnostics.sampling import drawn, interval
from deepseek_diagnostics.words import gettext_noop as _

INFO = BY_ID["quality"]
FEW = 10
FEW_IMAGES = 10


def run(case: Case) -> ToolResult:
    judged = case.judged
    ap, ap50, ap75, per_class = mean_ap(judged)
    samples = resampled(case, judged)
    low, high = interval(samples[:, 0])
    sizes = {
        name: mean_ap(judge(case.truth, case.found, sides=sides))[0]
        for name, sides in AREAS.items()
        if name != "all"
    }
    nums = np.array([one.num_I.sum() for one in judged])
    findings = [
        Finding(
            code="quality.ap",
            severity=Severity.INFO,
            text=_(
                "Average precision is {ap}, with 95\u00a0% certainty between {low} and "
                "{high}."
            ),
            figures={"ap": ap, "low": low, "high": high},
            interval=(low, high),
            next=_(
                "Compare another model on the same images; a difference inside the "
                "interval is chance."
            ),
            action=Action.MEASURE,
            changes={"tool": "comparison"},
        )
    ]
    findings += _few_images(len(case.truth.images))
    findings += _weak_class(case, per_class, nums, samples[:, 1:])
    findings += _sizes(case, ap, sizes)
    findings += _few(case, nums)
    values = {"AP": ap, "AP50": ap50, "AP75": ap75, "AP_low": low, "AP_high": high}
    values |= {f"AP_{name}": value for name, value in sizes.items()}
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(name="AP", value=ap, low=low, high=high),
        findings=tuple(findings),
        plots=(recall_plot(case, judged), f1_plot(case, judged)),
        tables=(_table(case, per_class, judged, nums, samples[:, 1:]),),
        values={key: _number(value) for key, value in values.items()},
    )


def resampled(case: Case, judged: list[Judged]) -> Floats:
    """AP, then that of each class, for pictures drawn again with replacement."""
    rows = []
    for weights in drawn(case):
        ap, _ap50, _ap75, per_class = mean_ap(judged, weights)
        rows.append(np.r_[ap, per_class])
    return np.array(rows)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 8)


def _weak_class(
    case: Case, per_class: Floats, nums: Floats, samples: Floats
) -> list[Finding]:
    usable = np.flatnonzero((nums >= FEW) & ~np.isnan(per_class))
    if len(usable) < 2:
        return []
    weakest = int(usable[np.argmin(per_class[usable])])
    rest = float(np.mean(per_class[usable[usable != weakest]]))
    span = interval(samples[:, weakest])
    if span[1] >= rest:
        return []
    return [
        Finding(
            code="quality.weak_class",
            severity=Severity.BAD if per_class[weakest] < rest / 2 else Severity.WARN,
            text=_(
                "“{name}” is the weakest class: AP {ap}, the others {rest} on average."
            ),
            next=_(
                "Look at the images below: label more like them, or make the guide "
                "clearer, and train again."
            ),
            figures={
                "name": case.truth.classes[weakest],
                "ap": float(per_class[weakest]),
                "rest": rest,
            },
            interval=span,
            action=Action.LABEL,
            evidence=_misses(case, weakest),
        )
    ]


def _misses(case: Case, number: int) -> tuple[Evidence, ...]:
    """Pictures with the most objects of a class that no box with score 0.3 hits."""
    judged = case.judged[number]
    sure = judged.hits_TD[0] & (judged.scores_D >= 0.3)
    hit = set(judged.objects_TD[0][sure].tolist())
    truth = case.truth
    rows = np.flatnonzero((truth.classes_N == number) & ~truth.ignored_N)
    missed = np.array([row for row in rows.tolist() if row not in hit], np.int64)
    images, counts = np.unique(truth.image_N[missed], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MOST_EVIDENCE]
    return tuple(
        case.evidence(int(image), truth=missed[truth.image_N[missed] == image].tolist())
        for image in images[order]
    )


def _larger(side_px: int) -> int:
    """Half as much again, on the detector's grid."""
    return 32 * round(side_px * 1.5 / 32)


def _sizes(case: Case, ap: float, sizes: dict[str, float]) -> list[Finding]:
    small = sizes["small"]
    if np.isnan(small) or small >= ap / 2:
        return []
    return [
        Finding(
            code="quality.small",
            severity=Severity.WARN,
            text=_(
                "Objects under 32 x 32 pixels are found badly: AP {small}, against "
                "{ap} over all."
            ),
            next=_(
                "Train with a larger image side, or let the detector look at tiles."
            ),
            figures={"small": small, "ap": ap},
            action=Action.TRAIN,
            changes={"side_px": _larger(case.side_px)},
        )
    ]


def _few_images(num: int) -> list[Finding]:
    if num >= FEW_IMAGES:
        return []
    return [
        Finding(
            code="quality.few_images",
            severity=Severity.WARN,
            text=_("Images measured: {num}, too few for an interval to be trusted."),
            next=_("Label and submit more images, then measure again."),
            figures={"num": num},
            action=Action.LABEL,
        )
    ]


def _few(case: Case, nums: Floats) -> list[Finding]:
    few = [
        name for name, n in zip(case.truth.classes, nums, strict=True) if 0 < n < FEW
    ]
    none = [name for name, n in zip(case.truth.classes, nums, strict=True) if n == 0]
    if not few and not none:
        return []
    return [
        Finding(
            code="quality.few",
            severity=Severity.INFO,
            text=_(
                "With fewer than {few} objects here the figures of these classes mean "
                "little: {names}."
            ),
            next=_("Label more images with these classes before trusting the average."),
            figures={
                "few": FEW,
                "names": ", ".join((few + none)[:8]),
            },
            action=Action.LABEL,
        )
    ]


def _table(
    case: Case, per_class: Floats, judged: list[Judged], nums: Floats, samples: Floats
) -> Table:
    rows = []
    for number, name in enumerate(case.truth.classes):
        low, high = interval(samples[:, number])
        at_50 = float(curve(judged[number]).ap_of_thresholds[0])
        figures = (float(per_class[number]), low, high, at_50)
        told = [None if np.isnan(one) else round(one, 4) for one in figures]
        rows.append((name, int(nums[number]), *told))
    return Table(
        title=_("By class"),
        columns=(
            _("Class"), _("Objects"), _("AP"), _("from"), _("to"), _("AP at IoU 0.5"),
        ),
        rows=tuple(rows),
    )  # fmt: skip
