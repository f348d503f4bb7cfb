"""Whether a score is the share of boxes that are right.

D-ECE: Kueppers, Kronenberger, Shantia, Haselhoff, "Multivariate Confidence Calibration
for Object Detection", CVPR Workshops 2020. Temperature: Guo, Pleiss, Sun, Weinberger,
"On Calibration of Modern Neural Networks", ICML 2017. The temperature is fitted on one
half of the pictures and judged on the other. D-ECE does not see missed objects, so
recall stands beside it.
"""

import numpy as np
from scipy.optimize import minimize_scalar

from deepseek_diagnostics.case import MOST_EVIDENCE, Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.data import Floats
from deepseek_diagnostics.errors import NotApplicableError
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

INFO = BY_ID["calibration"]
LEAST_SCORE = 0.05
NUM_BINS = 15
LEAST_BOXES = 30


def run(case: Case) -> ToolResult:
    scores, hits, images, rows = _boxes(case)
    if len(scores) < LEAST_BOXES:
        raise NotApplicableError(
            _("only {num} boxes score {score} or more: it takes at least {least}"),
            num=len(scores),
            score=LEAST_SCORE,
            least=LEAST_BOXES,
        )
    before = d_ece(scores, hits)
    low, high = interval([d_ece(scores, hits, w[images]) for w in drawn(case)])
    half = case.rng("calibration").permutation(len(case.truth.images)) % 2 == 0
    fitted, judged = half[images], ~half[images]
    temperature = fit_temperature(scores[fitted], hits[fitted])
    held = d_ece(scores[judged], hits[judged])
    after = d_ece(cooled(scores[judged], temperature), hits[judged])
    recall = float(hits.sum()) / max(1.0, sum(o.num_I.sum() for o in case.judged))
    mean, right = float(scores.mean()), float(hits.mean())
    bins = _bins(scores, hits)
    is_off = low > 0.02
    is_mended = is_off and after < held
    findings = [
        Finding(
            code="calibration.ece" if is_off else "calibration.good",
            severity=_severity(low),
            text=_(
                "Scores are off by {ece} on average: they say {mean}, and {right} of "
                "the boxes are right."
            ),
            next=_(
                "Apply the temperature {temperature}: on images that it was not fitted "
                "to, the error goes from {held} to {after}."
            )
            if is_mended
            else _(
                "A temperature would not help: label more images like those below, and "
                "train again."
            )
            if is_off
            else _("Scores can be read as they are."),
            figures={
                "ece": before, "mean": mean, "right": right,
                "temperature": temperature, "held": held, "after": after,
            },
            interval=(low, high),
            action=_action(is_off=is_off, is_mended=is_mended),
            changes={"temperature": round(temperature, 4)} if is_mended else {},
            evidence=_overconfident(case, scores, hits, rows),
        )
    ]  # fmt: skip
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(
            name="D-ECE", value=before, low=low, high=high, is_more_better=False
        ),
        findings=tuple(findings),
        plots=(_plot(case, bins, (scores, hits, images)),),
        tables=(
            Table(
                title=_("By score"),
                columns=(_("Mean score"), _("Boxes"), _("Right")),
                rows=tuple((round(a, 3), int(n), round(b, 3)) for a, b, n in bins),
            ),
        ),
        values={
            "d_ece": before, "temperature": temperature, "d_ece_held_out": held,
            "d_ece_after": after, "recall": recall,
        },
    )  # fmt: skip


def _action(*, is_off: bool, is_mended: bool) -> Action:
    if is_mended:
        return Action.TEMPERATURE
    return Action.TRAIN if is_off else Action.NONE


def _severity(least_error: float) -> Severity:
    if least_error > 0.1:
        return Severity.BAD
    return Severity.WARN if least_error > 0.02 else Severity.GOOD


def _boxes(case: Case) -> tuple[Floats, np.ndarray, np.ndarray, np.ndarray]:
    """Scores that count, whether each box is right at IoU .5, its picture and row."""
    kept = [(one.scores_D >= LEAST_SCORE) & ~one.ignored_TD[0] for one in case.judged]
    pairs = list(zip(case.judged, kept, strict=True))
    return (
        np.concatenate([one.scores_D[k] for one, k in pairs]),
        np.concatenate([one.hits_TD[0][k] for one, k in pairs]),
        np.concatenate([one.image_D[k] for one, k in pairs]),
        np.concatenate([one.rows_D[k] for one, k in pairs]),
    )


def d_ece(scores: Floats, hits: np.ndarray, weights: Floats | None = None) -> float:
    """The mean gap between score and share of right boxes, over equal bins of score."""
    weights = np.ones(len(scores)) if weights is None else weights
    at = np.minimum((scores * NUM_BINS).astype(int), NUM_BINS - 1)
    gap = np.bincount(at, weights * (scores - hits), minlength=NUM_BINS)
    return float(np.abs(gap).sum() / max(1e-12, weights.sum()))


def cooled(scores: Floats, temperature: float) -> Floats:
    """Scores whose logits are divided by a temperature."""
    scores = np.clip(scores, 1e-6, 1 - 1e-6)
    logits = np.log(scores / (1 - scores)) / temperature
    return np.asarray(1 / (1 + np.exp(-logits)), np.float64)


def fit_temperature(scores: Floats, hits: np.ndarray) -> float:
    """The temperature under which the boxes are likeliest."""

    def loss(log_t: float) -> float:
        p = np.clip(cooled(scores, float(np.exp(log_t))), 1e-9, 1 - 1e-9)
        return float(-np.where(hits, np.log(p), np.log(1 - p)).mean())

    found = minimize_scalar(loss, bounds=(-2.5, 2.5), method="bounded")
    return float(np.exp(found.x))


def _bins(scores: Floats, hits: np.ndarray) -> list[tuple[float, float, int]]:
    """Mean score, share that is right, and number of boxes of each bin in use."""
    at = np.minimum((scores * NUM_BINS).astype(int), NUM_BINS - 1)
    nums = np.bincount(at, minlength=NUM_BINS)
    means = np.bincount(at, scores, NUM_BINS) / np.maximum(nums, 1)
    shares = np.bincount(at, hits, NUM_BINS) / np.maximum(nums, 1)
    return [
        (float(means[n]), float(shares[n]), int(nums[n]))
        for n in range(NUM_BINS)
        if nums[n]
    ]


def _plot(
    case: Case,
    bins: list[tuple[float, float, int]],
    boxes: tuple[Floats, np.ndarray, np.ndarray],
) -> Plot:
    scores, hits, images = boxes
    at = np.minimum((scores * NUM_BINS).astype(int), NUM_BINS - 1)
    return Plot(
        title=_("Reliability"),
        kind="line",
        x=Axis(label=_("Score"), low=0, high=1),
        y=Axis(label=_("Right at IoU 0.5"), low=0, high=1),
        series=(
            Series(
                name=_("Boxes"),
                x=tuple(round(a, 4) for a, _b, _n in bins),
                y=tuple(round(b, 4) for _a, b, _n in bins),
                # The wrong boxes of each bin: they are what a score cannot be trusted in.
                images=tuple(
                    case.behind(images[(at == n) & ~hits]) for n in np.unique(at)
                ),
            ),
            Series(name=_("Perfect"), x=(0.0, 1.0), y=(0.0, 1.0)),
        ),
    )


def _overconfident(
    case: Case, scores: Floats, hits: np.ndarray, rows: np.ndarray
) -> tuple[Evidence, ...]:
    """The surest boxes that are wrong."""
    wrong = np.flatnonzero(~hits)
    order = wrong[np.argsort(-scores[wrong], kind="stable")][:MOST_EVIDENCE]
    truth, found = case.truth, case.found
    return tuple(
        case.evidence(
            int(found.image_M[row]),
            truth=np.flatnonzero(truth.image_N == found.image_M[row])[:20].tolist(),
            found=[int(row)],
        )
        for row in rows[order]
    )
