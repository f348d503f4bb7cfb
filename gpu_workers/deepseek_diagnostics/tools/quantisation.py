"""What 8 bits cost, layer by layer.

The signal-to-quantisation-noise ratio of each convolution's weights and of what comes
out of it, the 8-bit graph that serves beside the 32-bit one on the same pictures (as in
Krishnamoorthi, "Quantizing deep convolutional networks", 2018). Where the ratio falls
most from one layer to the next, a layer does most damage and is kept in float first; how
far that goes is tried, and shown as precision over time.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import onnx

from deepseek_diagnostics.average import judge, mean_ap
from deepseek_diagnostics.case import MOST_EVIDENCE, Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.data import Boxes, Floats, iou
from deepseek_diagnostics.errors import NotApplicableError
from deepseek_diagnostics.graphs import (
    Graph,
    float_file,
    layers_of,
    pixels_of,
    prompts_of,
    readable,
    sample,
)
from deepseek_diagnostics.looking import boxes_of, joined
from deepseek_diagnostics.requantising import write_mixes
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
from deepseek_diagnostics.seeing import LEAST_SCORE, answer_of
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.hub import PRECISIONS, find_model
from deepseek_vision.images import read_picture
from deepseek_vision.predict import Model, ObjectDetector
from deepseek_vision.runtime import Session

INFO = BY_ID["quantisation"]
NUM_PROBED = 6
NUM_JUDGED = 80
# How many layers are kept in float on the way from 8 bits to 32.
MIXES = (2, 5)
MOST_DB = 100.0
SAME_IOU = 0.5


def run(case: Case) -> ToolResult:
    directory = find_model(case.spec.model)
    packed_file = directory.path / PRECISIONS["int8"]
    if not packed_file.is_file():
        raise NotApplicableError(
            _("the model has no 8-bit file to compare: publish one with it")
        )
    exact_file = float_file(case)
    exact, packed = onnx.load(exact_file), onnx.load(packed_file)
    rows, noisy = ratios(case, exact, packed)
    if not rows:
        raise NotApplicableError(_("no layer of the 8-bit file is known by its name"))
    worst = sorted(rows, key=lambda row: -row[3])[: MIXES[-1]]
    images = sample(case, NUM_JUDGED, "judged")
    with tempfile.TemporaryDirectory() as folder:
        mixes = {_mix(num): [row[0] for row in worst[:num]] for num in MIXES}
        files = {"fp32": exact_file, "int8": packed_file}
        files |= write_mixes(
            directory, Path(folder), data=Path(case.spec.data), mixes=mixes
        )
        found, ms = _found(case, files, images)
    ap = _compared(case, found, images)
    gaps = {name: ap[name] - ap["fp32"] for name in ap if name != "fp32"}
    spans = {name: interval(some[1:]) for name, some in gaps.items()}
    changed = {
        name: changed_images(found["fp32"], found[name], case.score_threshold)
        for name in gaps
    }
    change, (low, high) = float(gaps["int8"][0]), spans["int8"]
    is_harmful = high < 0
    # The fewest layers in float that take the harm away.
    num_kept = next((n for n in MIXES if spans[_mix(n)][1] >= 0), MIXES[-1])
    kept = worst[:num_kept] if is_harmful else []
    finding = _finding(
        worst=worst, kept=kept, faster={n: ms["fp32"] / ms[n] for n in gaps},
        changes={name: float(some[0]) for name, some in gaps.items()},
        span=(low, high), evidence=_evidence(case, found, changed["int8"]),
    )  # fmt: skip
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(name=_("AP by 8 bits"), value=change, low=low, high=high),
        findings=(finding,),
        plots=(
            _plot(rows, noisy),
            _front(ap, ms, {name: case.behind(some) for name, some in changed.items()}),
        ),
        tables=(
            Table(
                title=_("By layer"),
                columns=(_("Layer"), _("Weights, dB"), _("Output, dB"), _("Fall, dB")),
                rows=tuple(
                    (readable(a), round(b, 1), round(c, 1), round(d, 1))
                    for a, b, c, d in sorted(rows, key=lambda row: -row[3])
                ),
            ),
        ),
        values={
            "precision_map": {
                row[0]: "fp32" if row in kept else "int8" for row in rows
            },
            "AP": {name: float(values[0]) for name, values in ap.items()},
            "ms": ms,
        },
    )  # fmt: skip


def _mix(num: int) -> str:
    return f"int8, {num} fp32"


def _finding(
    *,
    worst: list["Row"],
    kept: list["Row"],
    faster: dict[str, float],
    changes: dict[str, float],
    span: tuple[float, float],
    evidence: tuple[Evidence, ...],
) -> Finding:
    mix = _mix(len(kept)) if kept else "int8"
    return Finding(
        code="quantisation.harm" if kept else "quantisation.good",
        severity=Severity.WARN if kept else Severity.GOOD,
        text=_(
            "8 bits change AP by {change} points and are {faster} times as fast; the "
            "most damage is done in “{layer}”."
        ),
        next=_(
            "Keep these layers in float and make the 8-bit file again: AP then changes "
            "by {mixed} points, at {mixed_faster} times the speed of 32 bits. {layers}."
        )
        if kept
        else _("Serve the 8-bit file; no layer need stay in float for precision's sake.")
        if faster["int8"] > 1
        else _(
            "8 bits cost no precision, but save no time on this machine: serve 32 bits "
            "here, and 8 where memory is short."
        ),
        figures={
            "change": round(100 * changes["int8"], 2), "faster": faster["int8"],
            "mixed": round(100 * changes[mix], 2), "mixed_faster": faster[mix],
            "layer": readable(worst[0][0]),
            "layers": ", ".join(readable(row[0]) for row in kept),
        },
        interval=span,
        action=Action.PRECISION if kept else Action.DEPLOY,
        changes={"float_layers": " ".join(row[0] for row in kept)} if kept else {},
        evidence=evidence,
    )  # fmt: skip


Row = tuple[str, float, float, float]


def ratios(
    case: Case, exact: onnx.ModelProto, packed: onnx.ModelProto
) -> tuple[list[Row], dict[str, tuple[int, ...]]]:
    """For each 8-bit layer the dB of its weights and output, and what it took away.

    What it took away is the ratio of what comes in less that of what goes out.

    Returns:
        The rows, and for each layer the probed pictures, the noisiest first.
    """
    layers = {node.name: (node, value) for node, value in layers_of(exact)}
    pairs = [one for one in layers_of(packed) if one[0].name in layers]
    made = {name for node in packed.graph.node for name in node.output}
    reads: dict[str, str] = {}
    for node, _value in pairs:
        own, (twin, _weights) = node.input[0], layers[node.name]
        plain = own.removesuffix("_DequantizeLinear_Output")
        reads[twin.input[0]] = plain if plain in made else own
        reads[twin.output[0]] = node.output[0]
    ratio, order = _through(case, exact, packed, reads)
    rows: list[Row] = []
    noisy: dict[str, tuple[int, ...]] = {}
    for node, value in pairs:
        twin, weights = layers[node.name]
        gap = float(((weights.astype(np.float64) - value) ** 2).sum())
        own_ratio = decibels(float((weights.astype(np.float64) ** 2).sum()), gap)
        if own_ratio >= MOST_DB:
            continue  # it was left in float
        out = ratio[twin.output[0]]
        # What is exact so far cannot be said to fall.
        before = ratio[twin.input[0]]
        fall = 0.0 if before >= MOST_DB else max(0.0, before - out)
        rows.append((node.name, own_ratio, out, fall))
        noisy[node.name] = case.behind(order[twin.output[0]])
    return rows, noisy


def _through(
    case: Case, exact: onnx.ModelProto, packed: onnx.ModelProto, reads: dict[str, str]
) -> tuple[dict[str, float], dict[str, list[int]]]:
    """The ratio at each tensor of the exact graph, and the pictures by theirs."""
    threads = case.spec.num_threads
    one = Graph(exact, reads=list(reads), num_threads=threads)
    two = Graph(packed, reads=list(reads.values()), num_threads=threads)
    prompts = prompts_of(case)
    signal, noise = dict.fromkeys(reads, 0.0), dict.fromkeys(reads, 0.0)
    own: dict[str, dict[int, float]] = {name: {} for name in reads}
    for image in sample(case, NUM_PROBED, "quantisation"):
        case.tell(0)
        pixels = pixels_of(case, image)
        a, b = one.run(pixels, prompts), two.run(pixels, prompts)
        for name, read in reads.items():
            x, y = a[name].astype(np.float64), b[read].astype(np.float64)
            loud, wrong = float((x**2).sum()), float(((x - y) ** 2).sum())
            own[name][image] = decibels(loud, wrong)
            signal[name] += loud
            noise[name] += wrong
    ratio = {name: decibels(signal[name], noise[name]) for name in reads}
    return ratio, {
        name: sorted(some, key=lambda n: some[n]) for name, some in own.items()
    }


def decibels(signal: float, noise: float) -> float:
    """The ratio as dB, at most 100."""
    return float(min(MOST_DB, 10 * np.log10((signal + 1e-30) / (noise + 1e-30))))


def _compared(
    case: Case, found: dict[str, Boxes], images: list[int]
) -> dict[str, Floats]:
    """AP of each file on some pictures, then of drawn ones."""
    weights_I = np.zeros(len(case.truth.images))
    weights_I[images] = 1
    draws = [weights_I]
    rng = case.rng("judged draws")
    for _turn in range(100):
        drawn = rng.multinomial(len(images), np.full(len(images), 1 / len(images)))
        weights = np.zeros(len(weights_I))
        weights[images] = drawn
        draws.append(weights)
    ap = {}
    for name, boxes in found.items():
        judged = judge(case.truth, boxes)
        ap[name] = np.array([mean_ap(judged, weights)[0] for weights in draws])
    return ap


def changed_images(exact: Boxes, packed: Boxes, threshold: float) -> list[int]:
    """Pictures in which a box above the threshold is gained or lost, the most first."""
    changed: dict[int, int] = {}
    for one, other in ((exact, packed), (packed, exact)):
        for row in np.flatnonzero(one.scores_M >= threshold):
            same = other.where(
                (other.image_M == one.image_M[row])
                & (other.classes_M == one.classes_M[row])
                & (other.scores_M >= threshold)
            )
            if not (iou(one.boxes_M4[[row]], same.boxes_M4) >= SAME_IOU).any():
                image = int(one.image_M[row])
                changed[image] = changed.get(image, 0) + 1
    return sorted(changed, key=lambda image: (-changed[image], image))


def _evidence(
    case: Case, found: dict[str, Boxes], changed: list[int]
) -> tuple[Evidence, ...]:
    """The pictures whose boxes 8 bits change most: theirs over those of 32 bits."""
    told = []
    for image in changed[:MOST_EVIDENCE]:
        marks = []
        for kind, name in (("other", "fp32"), ("found", "int8")):
            boxes = found[name]
            here = (boxes.image_M == image) & (boxes.scores_M >= case.score_threshold)
            marks += [
                case.found_mark(int(row), found=boxes, kind=kind)
                for row in np.flatnonzero(here)
            ]
        told.append(Evidence(image=case.truth.images[image].id, marks=tuple(marks)))
    return tuple(told)


def _found(
    case: Case, files: dict[str, Path], images: list[int]
) -> tuple[dict[str, Boxes], dict[str, float]]:
    """What each file finds, and its milliseconds; in turns, so that both meet the same."""
    directory = find_model(case.spec.model)
    detectors = {
        name: ObjectDetector(
            Model(
                directory=directory, precision="", prompts_PD=directory.read_prompts(),
                session=Session(file, num_threads=case.spec.num_threads),
            )
        )
        for name, file in files.items()
    }  # fmt: skip
    parts: dict[str, list[Boxes]] = {name: [] for name in files}
    times: dict[str, list[float]] = {name: [] for name in files}
    for image in images:
        case.tell(0)
        picture = read_picture(case.truth.images[image].path)
        for name, detector in detectors.items():
            query = detector.query(score_threshold=LEAST_SCORE)
            began = time.perf_counter()
            found = detector.find_pictures([picture], query)[0]
            times[name].append(time.perf_counter() - began)
            parts[name].append(boxes_of(case, image, answer_of(found)))
    ms = {name: 1000 * float(np.median(some)) for name, some in times.items()}
    return {name: joined(some) for name, some in parts.items()}, ms


def _plot(rows: list[Row], noisy: dict[str, tuple[int, ...]]) -> Plot:
    """Behind a layer's output the probed pictures; no picture is behind its weights."""
    x = tuple(float(n + 1) for n in range(len(rows)))
    return Plot(
        title=_("Signal to noise through the layers"),
        kind="line",
        x=Axis(label=_("Layer, from the picture on")),
        y=Axis(label=_("Ratio"), unit="dB"),
        series=(
            Series(name=_("Weights"), x=x, y=tuple(round(row[1], 2) for row in rows)),
            Series(
                name=_("Output"),
                x=x,
                y=tuple(round(row[2], 2) for row in rows),
                images=tuple(noisy[row[0]] for row in rows),
            ),
        ),
    )


def _front(
    ap: dict[str, Floats], ms: dict[str, float], changed: dict[str, tuple[int, ...]]
) -> Plot:
    """From all in 8 bits to all in 32; behind a point the pictures that it changes."""
    return Plot(
        title=_("Precision and time"),
        kind="scatter",
        x=Axis(label=_("Time a picture"), unit="ms", low=0),
        y=Axis(label=_("AP")),
        series=tuple(
            Series(
                name=name,
                x=(round(ms[name], 2),),
                y=(round(float(ap[name][0]), 4),),
                images=(changed.get(name, changed["int8"]),),
            )
            for name in ap
        ),
    )
