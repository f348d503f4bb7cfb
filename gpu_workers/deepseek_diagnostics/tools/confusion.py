# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""Which classes are taken for one another.

The confusion matrix of detections: boxes over a score threshold take objects of any
class by falling IoU, at least .5, so a mistaken class stays a pair and not a miss
beside a false alarm (as in Hoiem, Chodpathumwan, Dai, "Diagnosing Error in Object
Detectors", ECCV 2012, whose "confusion with other objects" this counts).
"""

from dataclasses import dataclass

import numpy as np

from deepseek_diagnostics.case import MOST_EVIDENCE, Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.data import iou
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
from deepseek_diagnostics.words import gettext_noop as _

INFO = BY_ID["confusion"]
LEAST_IOU = 0.5
MOST_CLASSES = 30
MOST_PAIRS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Objects with the boxes that took them, and those of either left alone."""

    matrix_CC: np.ndarray
    pairs: tuple[tuple[int, int], ...]


def run(case: Case) -> ToolResult:
    threshold = case.score_threshold
    told = pair(case, threshold)
    names = case.truth.classes
    num = len(names)
    right = int(np.trace(told.matrix_CC[:num, :num]))
    crossed = told.matrix_CC[:num, :num].copy()
    np.fill_diagonal(crossed, 0)
    both = crossed + crossed.T
    num_wrong = int(crossed.sum())
    share = num_wrong / max(1, num_wrong + right)
    spread = 1.96 * (share * (1 - share) / max(1, num_wrong + right)) ** 0.5
    findings = []
    if num_wrong:
        a, b = np.unravel_index(int(both.argmax()), both.shape)
        first, second = sorted((int(a), int(b)))
        findings.append(
            Finding(
                code="confusion.pair",
                severity=Severity.WARN if share > 0.05 else Severity.INFO,
                text=_(
                    "“{first}” and “{second}” are taken for one another {num} times, "
                    "the most of any two classes."
                ),
                next=_(
                    "Check these images: if people mix them up as well, write the "
                    "difference into the guide or merge the two."
                ),
                figures={
                    "first": names[first],
                    "second": names[second],
                    "num": int(both[first, second]),
                },
                action=Action.QUEUE,
                evidence=_evidence(case, told, {first, second}),
            )
        )
    else:
        findings.append(
            Finding(
                code="confusion.none",
                severity=Severity.GOOD,
                text=_("No class is taken for another at a score of {threshold}."),
                next=_("Nothing to do here: look at missed objects and false alarms."),
                figures={"threshold": threshold},
            )
        )
    shown = list(range(min(num, MOST_CLASSES)))
    columns = [*[names[n] for n in shown], _("nothing said")]
    rows = [
        (names[n], *told.matrix_CC[n, shown].tolist(), int(told.matrix_CC[n, num]))
        for n in shown
    ]
    rows.append((_("nothing there"), *told.matrix_CC[num, shown].tolist(), 0))
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(
            name=_("confused"), value=share, low=max(0.0, share - spread),
            high=min(1.0, share + spread), is_more_better=False,
        ),
        findings=tuple(findings),
        plots=_plots(case, told, both),
        tables=(
            Table(
                title=_("Rows are what is there, columns what was said"),
                columns=(_("Class"), *columns),
                rows=tuple(rows),
            ),
        ),
        values={"matrix": told.matrix_CC.tolist(), "threshold": threshold},
    )  # fmt: skip


def pair(case: Case, threshold: float) -> Pairs:
    """Pair objects and boxes of any class; the last row and column are "nothing"."""
    truth, found = case.truth, case.found
    num = len(truth.classes)
    matrix = np.zeros((num + 1, num + 1), np.int64)
    pairs: list[tuple[int, int]] = []
    for image in range(len(truth.images)):
        objects = np.flatnonzero((truth.image_N == image) & ~truth.ignored_N)
        rows = np.flatnonzero((found.image_M == image) & (found.scores_M >= threshold))
        here = _taken(iou(truth.boxes_N4[objects], found.boxes_M4[rows]))
        for at, column in here:
            pairs.append((int(objects[at]), int(rows[column])))
            of, said = truth.classes_N[objects[at]], found.classes_M[rows[column]]
            matrix[of, said] += 1
        lone = np.delete(objects, [at for at, _column in here])
        matrix[:num, num] += np.bincount(truth.classes_N[lone], minlength=num)
        extra = np.delete(rows, [column for _at, column in here])
        matrix[num, :num] += np.bincount(found.classes_M[extra], minlength=num)
    return Pairs(matrix_CC=matrix, pairs=tuple(pairs))


def _taken(overlap_GD: np.ndarray) -> list[tuple[int, int]]:
    """Pairs by falling overlap, each side once."""
    left = overlap_GD.copy()
    taken = []
    while left.size and left.max() >= LEAST_IOU:
        at, column = np.unravel_index(int(left.argmax()), left.shape)
        taken.append((int(at), int(column)))
        left[at, :] = left[:, column] = 0
    return taken


def _plots(case: Case, told: Pairs, both_CC: np.ndarray) -> tuple[Plot, ...]:
    """The pairs that are confused most, and the pictures of each."""
    names = case.truth.classes
    upper = np.triu(both_CC)
    order = np.argsort(-upper, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [divmod(int(one), len(names)) for one in order if upper.flat[one]]
    if not pairs:
        return ()
    shown = [_evidence(case, told, set(one)) for one in pairs]
    return (
        Plot(
            title=_("The classes taken for one another most"),
            kind="bar",
            x=Axis(label=_("Two classes"), scale="category"),
            y=Axis(label=_("How many"), low=0),
            series=(
                Series(
                    name=_("How many"),
                    x=tuple(f"{names[a]} / {names[b]}" for a, b in pairs),
                    y=tuple(float(upper[one]) for one in pairs),
                    images=tuple(
                        case.behind_ids(one.image for one in some) for some in shown
                    ),
                ),
            ),
        ),
    )


def _evidence(case: Case, told: Pairs, two: set[int]) -> tuple[Evidence, ...]:
    truth, found = case.truth, case.found
    mixed = [
        (row, box)
        for row, box in told.pairs
        if {int(truth.classes_N[row]), int(found.classes_M[box])} == two
    ]
    mixed.sort(key=lambda one: -found.scores_M[one[1]])
    return tuple(
        case.evidence(int(truth.image_N[row]), truth=[row], found=[box])
        for row, box in mixed[:MOST_EVIDENCE]
    )
