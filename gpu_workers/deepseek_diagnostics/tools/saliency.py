"""Which pixels made a box, and whether the map can be trusted.

D-RISE (Petsiuk et al., "Black-box Explanation of Object Detectors via Saliency Maps",
CVPR 2021) needs only answers, so it works on ONNX. Where weights are there, Grad-CAM
(Selvaraju et al., ICCV 2017) and integrated gradients (Sundararajan, Taly, Yan, ICML
2017) beside it. A map is judged by deletion and insertion (Petsiuk, Das, Saenko, RISE,
BMVC 2018) against a map of chance: one that does no better says nothing.
"""

import numpy as np

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.data import Floats
from deepseek_diagnostics.errors import NotApplicableError
from deepseek_diagnostics.maps import (
    Aim,
    Prober,
    chance_map,
    open_prober,
    rise,
    surest_boxes,
    without_padding,
)
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
from deepseek_diagnostics.sampling import interval
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.hub import TORCH_FILE, find_model
from deepseek_vision.images import Pixels

INFO = BY_ID["saliency"]
NUM_IMAGES = 3
NUM_MASKS = 120
STEPS = 8


def run(case: Case) -> ToolResult:
    prober = open_prober(case)
    chosen = surest_boxes(case, NUM_IMAGES, "saliency images")
    if not chosen:
        raise NotApplicableError(
            _("the model is sure of no box: there is nothing to explain")
        )
    white = None
    if case.is_ours and (find_model(case.spec.model).path / TORCH_FILE).is_file():
        # Loads torch, which a model without weights does without.
        from deepseek_diagnostics.gradients import WhiteBox  # noqa: PLC0415

        white = WhiteBox(case)
    rows, evidence = [], []
    rng = case.rng("saliency")
    for image, row in chosen:
        pixels = prober.pixels(image)
        aim = prober.aim(pixels, row)
        maps = {"D-RISE": rise(prober, pixels, aim, rng=rng, num=NUM_MASKS)}
        if white is not None:
            maps |= white.maps(pixels, aim)
        maps["chance"] = chance_map(maps["D-RISE"].shape, rng)
        scores = {name: judged(prober, pixels, aim, one) for name, one in maps.items()}
        rows.append(scores)
        shown = {
            name: without_padding(case, image, pixels, one)
            for name, one in maps.items()
        }
        evidence.append(_evidence(case, image, row, shown, scores))
    names = list(rows[0])
    means = {n: np.array([row[n] for row in rows]).mean(axis=0) for n in names}
    gains = {n: _gain(rows, n) for n in names if n != "chance"}
    best = max(gains, key=lambda name: gains[name].mean())
    low, high = interval(_drawn_means(gains[best], rng))
    # A single picture has no interval.
    is_trusted = low > 0 and len(rows) > 1
    text = (
        _(
            "{best} maps can be trusted: they beat chance by {gain} in insertion less "
            "deletion."
        )
        if is_trusted
        else _("One picture cannot say whether a map beats chance: measure more.")
        if len(rows) == 1
        else _("No map beats chance: do not read anything into them.")
    )
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(
            name=_("insertion - deletion"),
            value=float(gains[best].mean()),
            low=low,
            high=high,
        ),
        findings=(
            Finding(
                code="saliency.trusted" if is_trusted else "saliency.chance",
                severity=Severity.INFO if is_trusted else Severity.WARN,
                text=text,
                next=_advice(is_trusted=is_trusted, has_weights=white is not None),
                figures={"best": best, "gain": float(gains[best].mean())},
                interval=(low, high),
                action=Action.LABEL if is_trusted else Action.TRAIN,
                evidence=tuple(one for some in evidence for one in some),
            ),
        ),
        plots=(_plot(means, case.behind(image for image, _row in chosen)),),
        tables=(
            Table(
                title=_("Insertion and deletion"),
                columns=(_("Map"), _("Insertion"), _("Deletion")),
                rows=tuple((n, float(means[n][1]), float(means[n][0])) for n in names),
            ),
        ),
        values={
            name: {"deletion": float(pair[0]), "insertion": float(pair[1])}
            for name, pair in means.items()
        },
    )


def _advice(*, is_trusted: bool, has_weights: bool) -> str:
    if not has_weights:
        return _(
            "The model has no weights to differentiate: Grad-CAM and integrated "
            "gradients are left out, and D-RISE explains it from outside."
        )
    if is_trusted:
        return _(
            "See whether the warm places lie on the objects; where they lie beside, add "
            "images in which that context is missing."
        )
    return _("Train longer or on more images; then look at the maps again.")


def judged(
    prober: Prober, pixels: Pixels, aim: Aim, heat: Floats
) -> tuple[float, float]:
    """Area under the deletion curve (less is better) and the insertion curve (more is)."""
    height, width = pixels.shape[1:3]
    rows = (np.arange(height) * heat.shape[0] // height)[:, None]
    columns = (np.arange(width) * heat.shape[1] // width)[None]
    full = heat[rows, columns]
    order = np.argsort(-full.ravel(), kind="stable")
    grey = np.full_like(pixels[0], 114)
    areas = []
    for start, end in ((pixels[0], grey), (grey, pixels[0])):
        shown = []
        for step in range(STEPS + 1):
            mixed = start.reshape(-1, 3).copy()
            some = order[: len(order) * step // STEPS]
            mixed[some] = end.reshape(-1, 3)[some]
            shown.append(mixed.reshape(start.shape))
        scores = prober.scores(np.stack(shown), aim)
        areas.append(float(np.mean((scores[1:] + scores[:-1]) / 2)))
    return areas[0], areas[1]


def _gain(rows: list[dict[str, tuple[float, float]]], name: str) -> Floats:
    """Insertion less deletion, above that of chance, for each picture."""
    values = [
        (row[name][1] - row[name][0]) - (row["chance"][1] - row["chance"][0])
        for row in rows
    ]
    return np.array(values)


def _drawn_means(values: Floats, rng: np.random.Generator) -> Floats:
    return np.array(
        [
            values[rng.integers(0, len(values), len(values))].mean()
            for _turn in range(200)
        ]
    )


def _evidence(
    case: Case,
    image: int,
    row: int,
    maps: dict[str, Floats],
    scores: dict[str, tuple[float, float]],
) -> list[Evidence]:
    told = []
    for name, heat in maps.items():
        if name == "chance":
            continue
        span = max(1e-9, float(np.ptp(heat)))
        told.append(
            Evidence(
                image=case.truth.images[image].id,
                of=name,
                text="{name}: {gain}",
                figures={"name": name, "gain": scores[name][1] - scores[name][0]},
                marks=(case.found_mark(row),),
                heat=tuple(
                    tuple(line)
                    for line in ((heat - heat.min()) / span).round(2).tolist()
                ),
            )
        )
    return told


def _plot(means: dict[str, Floats], pictures: tuple[int, ...]) -> Plot:
    """Behind each bar the explained pictures, under that map; chance has none to see."""
    names = tuple(means)
    images = tuple(() if name == "chance" else pictures for name in names)
    return Plot(
        title=_("Insertion and deletion"),
        kind="bar",
        x=Axis(label=_("Map"), scale="category"),
        y=Axis(label=_("Mean score of the box"), low=0),
        series=(
            Series(
                name=_("Insertion"),
                x=names,
                y=tuple(float(means[n][1]) for n in names),
                images=images,
            ),
            Series(
                name=_("Deletion"),
                x=names,
                y=tuple(float(means[n][0]) for n in names),
                images=images,
            ),
        ),
    )
