"""Precision, recall and F1 as plots."""

import numpy as np

from deepseek_diagnostics.average import RECALLS, Judged, curve
from deepseek_diagnostics.case import Case
from deepseek_diagnostics.data import Floats
from deepseek_diagnostics.result import Axis, Plot, Series
from deepseek_diagnostics.words import gettext_noop as _

NUM_WRONG = 6


def recall_plot(case: Case, judged: list[Judged]) -> Plot:
    series = [
        Series(
            name=name,
            x=tuple(RECALLS.tolist()),
            y=tuple(np.round(curve(one).precision_TR[0], 4).tolist()),
            images=_last_wrong(case, one),
        )
        for name, one in zip(case.truth.classes, judged, strict=True)
        if one.num_I.sum() > 0
    ]
    return Plot(
        title=_("Precision and recall at IoU 0.5"),
        kind="line",
        x=Axis(label=_("Recall"), low=0, high=1),
        y=Axis(label=_("Precision"), low=0, high=1),
        series=tuple(series[:8]),
    )


def _last_wrong(case: Case, one: Judged) -> tuple[tuple[int, ...], ...]:
    """For each recall the pictures of the false alarms that come just before it."""
    reached = np.cumsum(one.hits_TD[0]) / max(1.0, float(one.num_I.sum()))
    is_wrong = ~one.hits_TD[0] & ~one.ignored_TD[0]
    ends = np.searchsorted(reached, RECALLS, side="left")
    wrong = [np.flatnonzero(is_wrong[: end + 1])[: -NUM_WRONG - 1 : -1] for end in ends]
    return tuple(case.behind(one.image_D[rows]) for rows in wrong)


def _f1_at(judged: list[Judged], thresholds: Floats) -> Floats:
    """Precision, recall and F1 over all classes at IoU .5, a row for each threshold."""
    scores = np.concatenate([one.scores_D for one in judged])
    hits = np.concatenate([one.hits_TD[0] for one in judged])
    counts = np.concatenate([~one.ignored_TD[0] for one in judged])
    total = sum(one.num_I.sum() for one in judged)
    rows = []
    for threshold in thresholds:
        kept = (scores >= threshold) & counts
        right = float((hits & kept).sum())
        precision = right / max(1.0, float(kept.sum()))
        recall = right / max(1.0, float(total))
        f1 = 2 * precision * recall / max(1e-12, precision + recall)
        rows.append((precision, recall, f1))
    return np.array(rows)


def f1_plot(case: Case, judged: list[Judged]) -> Plot:
    thresholds = np.linspace(0, 1, 51)
    scores, image_M = case.found.scores_M, case.found.image_M
    images = tuple(
        case.behind(image_M[np.abs(scores - one) <= (thresholds[1] - thresholds[0])])
        for one in thresholds
    )
    rows = _f1_at(judged, thresholds)
    names = (_("Precision"), _("Recall"), _("F1"))
    return Plot(
        title=_("Over the score threshold, all classes"),
        kind="line",
        x=Axis(label=_("Score threshold"), low=0, high=1),
        y=Axis(label=_("Share"), low=0, high=1),
        series=tuple(
            Series(
                name=name,
                x=tuple(np.round(thresholds, 3).tolist()),
                y=tuple(np.round(rows[:, column], 4).tolist()),
                images=images,
            )
            for column, name in enumerate(names)
        ),
    )
