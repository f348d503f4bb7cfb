"""Whether new pictures differ from those that the model knows, with an alarm.

Maximum mean discrepancy with a permutation test (Gretton et al., "A Kernel Two-Sample
Test", JMLR 2012) on what the model sees in a picture, and Kolmogorov-Smirnov tests on
what the pixels and the boxes say (Rabanser, Guennemann, Lipton, "Failing Loudly",
NeurIPS 2019), with Bonferroni's correction. Half of the 5 % for false alarms goes to
either, so that the alarm as a whole keeps to it.
"""

import numpy as np
from scipy.stats import ks_2samp

from deepseek_diagnostics.case import MOST_EVIDENCE, Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.data import Boxes, Floats, area
from deepseek_diagnostics.errors import NotApplicableError
from deepseek_diagnostics.observing import Observations
from deepseek_diagnostics.pictures import STATISTICS
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

INFO = BY_ID["drift"]
NUM_PERMUTATIONS = 400
MOST = 600
LEAST = 20
ALARM = 0.05
NAMES = {
    "brightness": _("brightness"),
    "contrast": _("contrast"),
    "sharpness": _("sharpness"),
    "saturation": _("saturation"),
    "warmth": _("warmth"),
    "num_boxes": _("boxes found in an image"),
    "box_size": _("size of a box"),
    "box_score": _("score of a box"),
}


def run(case: Case) -> ToolResult:
    new, old = case.seen, case.reference_seen
    if min(len(new.vectors_ID), len(old.vectors_ID)) < LEAST:
        raise NotApplicableError(
            _("drift takes at least {least} images on either side"), least=LEAST
        )
    columns_old, columns_new = properties(old), properties(new)
    tests = {
        name: ks_2samp(columns_old[name], columns_new[name]) for name in columns_old
    }
    p_of = {name: min(1.0, float(t.pvalue) * len(tests)) for name, t in tests.items()}
    distance, p_mmd = mmd(old.vectors_ID, new.vectors_ID, case.rng("drift"))
    is_alarm = p_mmd <= ALARM / 2 or min(p_of.values()) <= ALARM / 2
    moved = sorted(
        (name for name in p_of if p_of[name] <= ALARM / 2),
        key=lambda name: -tests[name].statistic,
    )
    finding = Finding(
        code="drift.alarm" if is_alarm else "drift.none",
        severity=Severity.BAD if is_alarm else Severity.GOOD,
        text=_(
            "The new images differ from the known ones (MMD p = {p}); what moved most: "
            "{what_word}."
        )
        if is_alarm
        else _("The new images look like the known ones (MMD p = {p})."),
        next=_(
            "Label some of the images below, the most unlike ones first, and train on "
            "them too."
        )
        if is_alarm
        else _("Nothing to do: compare again when more traffic has come."),
        figures={
            "p": float(p_mmd),
            "what_word": NAMES[moved[0]] if moved else _("the model's view as a whole"),
        },
        action=Action.LABEL if is_alarm else Action.NONE,
        evidence=_most_unlike(case, old.vectors_ID, new.vectors_ID) if is_alarm else (),
    )
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(
            name="MMD", value=distance, is_more_better=False,
            **spread(old.vectors_ID, new.vectors_ID, case.rng("spread")),
        ),
        findings=(finding,),
        plots=tuple(
            _plot(case, name, columns_old[name], columns_new[name])
            for name in (moved or ["brightness", "box_size"])[:4]
        ),
        tables=(
            Table(
                title=_("What was compared"),
                columns=(_("Property"), _("Known"), _("New"), _("KS distance"), "p"),
                rows=tuple(
                    (
                        NAMES[name],
                        round(float(np.median(columns_old[name])), 4),
                        round(float(np.median(columns_new[name])), 4),
                        round(float(tests[name].statistic), 3),
                        f"{p_of[name]:.2g}",
                    )
                    for name in tests
                ),
            ),
        ),
        values={
            "is_alarm": bool(is_alarm), "mmd": distance, "mmd_p": p_mmd, "ks_p": p_of,
            "gate": "fail" if is_alarm else "pass",
        },
    )  # fmt: skip


def properties(seen: Observations) -> dict[str, Floats]:
    """Numbers of each picture; those of boxes are means over a picture's sure boxes.

    One number a picture: boxes of one picture are alike, and the test counts its
    sample as independent.
    """
    columns = {name: seen.statistic(name) for name in STATISTICS}
    sure: Boxes = seen.boxes.where(seen.boxes.scores_M >= 0.3)
    nums = np.bincount(sure.image_M, minlength=len(seen.hashes_I)).astype(float)
    columns["num_boxes"] = nums
    has = nums > 0
    if has.sum() >= 5:
        for name, values in (
            ("box_size", np.sqrt(area(sure.boxes_M4))),
            ("box_score", sure.scores_M),
        ):
            sums = np.bincount(sure.image_M, values, len(nums))
            columns[name] = sums[has] / nums[has]
    return columns


def mmd(old: Floats, new: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """The unbiased squared discrepancy, and its p-value by permutation.

    A Gaussian kernel as wide as the middle distance, on standardised columns.
    """
    old, new = _some(old, rng), _some(new, rng)
    both = np.concatenate([old, new])
    both = (both - both.mean(axis=0)) / (both.std(axis=0) + 1e-9)
    squares = (both**2).sum(axis=1)
    gaps = np.maximum(squares[:, None] + squares[None] - 2 * both @ both.T, 0)
    kernel = np.exp(-gaps / max(1e-9, float(np.median(gaps[gaps > 0]))))
    np.fill_diagonal(kernel, 0)
    sides = np.zeros((NUM_PERMUTATIONS + 1, len(both)))
    sides[0, : len(old)] = 1
    for row in range(1, len(sides)):
        sides[row, rng.permutation(len(both))[: len(old)]] = 1
    values = _discrepancies(kernel, sides)
    p = (1 + (values[1:] >= values[0]).sum()) / (NUM_PERMUTATIONS + 1)
    return float(values[0]), float(p)


def _discrepancies(kernel: Floats, sides: Floats) -> Floats:
    """For each row of ``sides``, 1 for the old sample, its squared discrepancy."""
    n, m = sides[0].sum(), (1 - sides[0]).sum()
    on_old = sides @ kernel
    within_old = (on_old * sides).sum(axis=1)
    across = (on_old * (1 - sides)).sum(axis=1)
    within_new = kernel.sum() - within_old - 2 * across
    return np.asarray(
        within_old / (n * (n - 1)) + within_new / (m * (m - 1)) - 2 * across / (n * m)
    )


def spread(old: Floats, new: Floats, rng: np.random.Generator) -> dict[str, float]:
    """An interval of the discrepancy from halves of either sample."""
    values = []
    for _turn in range(20):
        some = [
            side[rng.permutation(len(side))[: len(side) // 2]] for side in (old, new)
        ]
        both = np.concatenate(some)
        both = (both - both.mean(axis=0)) / (both.std(axis=0) + 1e-9)
        squares = (both**2).sum(axis=1)
        gaps = np.maximum(squares[:, None] + squares[None] - 2 * both @ both.T, 0)
        kernel = np.exp(-gaps / max(1e-9, float(np.median(gaps[gaps > 0]))))
        np.fill_diagonal(kernel, 0)
        side = np.zeros((1, len(both)))
        side[0, : len(some[0])] = 1
        values.append(float(_discrepancies(kernel, side)[0]))
    middle, half = float(np.mean(values)), 1.96 * float(np.std(values)) / 2**0.5
    return {"low": middle - half, "high": middle + half}


def _some(vectors: Floats, rng: np.random.Generator) -> Floats:
    return vectors[np.sort(rng.permutation(len(vectors))[:MOST])]


def _most_unlike(case: Case, old: Floats, new: Floats) -> tuple[Evidence, ...]:
    """New pictures by falling distance to their fifth known neighbour."""
    mean, deviation = old.mean(axis=0), old.std(axis=0) + 1e-9
    known, asked = (old - mean) / deviation, (new - mean) / deviation
    squares = (known**2).sum(axis=1)
    gaps = squares[None] + (asked**2).sum(axis=1)[:, None] - 2 * asked @ known.T
    fifth = np.partition(gaps, min(4, len(known) - 1), axis=1)[
        :, min(4, len(known) - 1)
    ]
    order = np.argsort(-fifth, kind="stable")[:MOST_EVIDENCE]
    return tuple(Evidence(image=case.truth.images[int(n)].id) for n in order)


def _plot(case: Case, name: str, old: Floats, new: Floats) -> Plot:
    shares = np.linspace(0, 1, 41)
    of_new = _at_quantiles(case, new, shares)
    return Plot(
        title=NAMES[name],
        kind="line",
        x=Axis(label=NAMES[name]),
        y=Axis(label=_("Share of images below"), low=0, high=1),
        series=tuple(
            Series(
                name=title,
                x=tuple(np.round(np.quantile(values, shares), 5).tolist()),
                y=tuple(np.round(shares, 3).tolist()),
                images=images,
            )
            for title, values, images in (
                (_("Known"), old, ()),
                (_("New"), new, of_new),
            )
        ),
    )


def _at_quantiles(
    case: Case, values: Floats, shares: Floats
) -> tuple[tuple[int, ...], ...]:
    """The new pictures about each quantile; none where not every picture has a value."""
    num = len(values)
    if num != len(case.truth.images):
        return ()
    order = np.argsort(values, kind="stable")
    at = np.round(shares * (num - 1)).astype(int)
    return tuple(case.behind(order[max(0, n - 3) : n + 4]) for n in at)
