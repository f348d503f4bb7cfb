"""What the model's dynamic parts chose for each picture, and how far it looks.

The weights of the selective kernels (Li et al., "Selective Kernel Networks", CVPR 2019),
the gate of the further attention step (after Graves, 2016) and the entropy of attention,
read out of the graph. A part that chooses the same for every picture earns nothing.
How far it looks is its effective receptive field (Luo et al., NIPS 2016): see
``reaching``.
"""

import numpy as np
import onnx
from scipy.stats import spearmanr

from deepseek_diagnostics.case import MOST_EVIDENCE, Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.data import Floats, area
from deepseek_diagnostics.errors import NotApplicableError
from deepseek_diagnostics.graphs import Graph, pixels_of, prompts_of, sample
from deepseek_diagnostics.maps import surest_boxes
from deepseek_diagnostics.opening import serving_file
from deepseek_diagnostics.reaching import (
    NUM_BOXES,
    WINDOWS,
    finding_of,
    look_through_windows,
    plot_of,
    windows_of,
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
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.hub import find_model

INFO = BY_ID["attention"]
NUM_PROBED = 60
LEAST_SPREAD = 0.02


def run(case: Case) -> ToolResult:
    return _opened(case) if case.is_ours else _from_outside(case)


def _from_outside(case: Case) -> ToolResult:
    """How far a model of another format looks; its inside is not known here."""
    sure = surest_boxes(case, NUM_BOXES, "windows")
    if not sure:
        raise NotApplicableError(
            _("the model is sure of no box: there is nothing to explain")
        )
    reach = look_through_windows(case, sure)
    left_I = reach.left_IW[:, WINDOWS.index(1.0)]
    half = 1.96 * float(left_I.std()) / len(left_I) ** 0.5
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(
            name=_("left in its own box"), value=float(left_I.mean()),
            low=float(left_I.mean()) - half, high=float(left_I.mean()) + half,
        ),
        findings=(
            finding_of(reach),
            Finding(
                code="attention.closed",
                severity=Severity.INFO,
                text=_(
                    "What its parts choose is read out of detectors trained here alone; "
                    "this one was looked at from outside."
                ),
                next=_("See which pixels made its boxes: the saliency tool asks any model."),
                action=Action.MEASURE,
                changes={"tool": "saliency"},
            ),
        ),
        plots=(plot_of(case, reach),),
        values={"windows": windows_of(reach), "num_images": len(sure)},
    )  # fmt: skip


def _opened(case: Case) -> ToolResult:
    """What the parts of a detector of ours choose, too."""
    _precision, file = serving_file(find_model(case.spec.model), case.spec.precision)
    model = onnx.load(file)
    reads = [
        (node.name, node.output[0])
        for node in model.graph.node
        if node.op_type == "Softmax"
    ]
    if not reads:
        raise NotApplicableError(_("the model has no dynamic part"))
    images = sample(case, NUM_PROBED, "attention")
    if len(images) < 2:
        raise NotApplicableError(
            _("one picture says nothing of what differs from picture to picture")
        )
    columns = _chosen(case, model, reads, images)
    sizes = np.array([_middle_size(case, image) for image in images])
    dynamic = {name: float(np.std(values)) for name, values in columns.items()}
    parts = [name for name in columns if "attention" not in name]
    idle = [name for name in parts if dynamic[name] < LEAST_SPREAD]
    follows = {
        name: float(spearmanr(values, sizes).statistic) if dynamic[name] > 0 else 0.0
        for name, values in columns.items()
    }
    gate = columns["gate"]
    leading = max(parts, key=lambda name: dynamic[name])
    finding = Finding(
        code="attention.idle" if idle else "attention.alive",
        severity=_severity(len(idle), len(parts)),
        text=_(
            "“{part}” differs most from picture to picture ({low} to {high}); {num} of "
            "{all} dynamic parts hardly change."
        ),
        next=_(
            "Train further, so that the idle parts learn to choose, or a smaller size: "
            "as they are they cost time and earn nothing."
        )
        if idle
        else _("Nothing to do: every dynamic part chooses by the picture."),
        figures={
            "part": leading,
            "low": float(columns[leading].min()),
            "high": float(columns[leading].max()),
            "num": len(idle),
            "all": len(parts),
        },
        action=Action.TRAIN if idle else Action.NONE,
        evidence=_extremes(case, images, columns[leading]),
    )
    half = 1.96 * float(gate.std()) / len(gate) ** 0.5
    sure = surest_boxes(case, NUM_BOXES, "windows")
    reach = look_through_windows(case, sure) if sure else None
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(
            name=_("gate"), value=float(gate.mean()), low=float(gate.mean()) - half,
            high=float(gate.mean()) + half,
        ),
        findings=(finding, finding_of(reach)) if reach else (finding,),
        plots=(
            *([plot_of(case, reach)] if reach else []),
            Plot(
                title=_("What was chosen over the size of objects"),
                kind="scatter",
                x=Axis(label=_("size of the object"), unit="px"),
                y=Axis(label=_("Chosen")),
                series=tuple(
                    Series(
                        name=name,
                        x=tuple(sizes.round(1).tolist()),
                        y=tuple(values.round(4).tolist()),
                        images=tuple(case.behind([image]) for image in images),
                    )
                    for name, values in columns.items()
                ),
            ),
        ),
        tables=(
            Table(
                title=_("Dynamic parts"),
                columns=(_("Part"), _("Mean"), _("Spread"), _("Follows size")),
                rows=tuple(
                    (name, float(values.mean()), dynamic[name], follows[name])
                    for name, values in columns.items()
                ),
            ),
        ),
        values={
            "spread": dynamic, "follows_size": follows, "num_images": len(images),
            "windows": windows_of(reach) if reach else {},
        },
    )  # fmt: skip


def _severity(num_idle: int, num_parts: int) -> Severity:
    if not num_idle:
        return Severity.GOOD
    return Severity.WARN if num_idle == num_parts else Severity.INFO


def _chosen(
    case: Case, model: onnx.ModelProto, reads: list[tuple[str, str]], images: list[int]
) -> dict[str, Floats]:
    """A number of each picture for each dynamic part."""
    graph = Graph(
        model,
        reads=[output for _name, output in reads],
        num_threads=case.spec.num_threads,
    )
    prompts = prompts_of(case)
    columns: dict[str, list[float]] = {"gate": []}
    for image in images:
        case.tell(0)
        answer = graph.run(pixels_of(case, image), prompts)
        columns["gate"].append(float(answer["complexity"][0]))
        for name, output in reads:
            weights = answer[output].astype(np.float64)
            short = name.removeprefix("/model/encoder/").removesuffix("/Softmax")
            columns.setdefault(short.replace("/", "."), []).append(_summary(weights))
    return {name: np.array(values) for name, values in columns.items()}


def _summary(weights: Floats) -> float:
    """The expected dilation of a selective kernel; else how spread attention is, 0 to 1."""
    if weights.ndim == 2:
        return float((weights[0] * np.arange(1, weights.shape[1] + 1)).sum())
    tokens = weights.shape[-1]
    entropy = -(weights * np.log(weights + 1e-12)).sum(axis=-1).mean()
    return float(entropy / max(1e-9, np.log(tokens)))


def _middle_size(case: Case, image: int) -> float:
    boxes = case.truth.boxes_N4[case.truth.image_N == image]
    return float(np.median(np.sqrt(area(boxes))))


def _extremes(case: Case, images: list[int], values: Floats) -> tuple[Evidence, ...]:
    """The pictures with the least and the most of what was chosen."""
    order = np.argsort(values, kind="stable")
    half = min(MOST_EVIDENCE // 4, len(order) // 2)
    chosen = [*order[:half], *order[len(order) - half :]]
    return tuple(
        Evidence(
            image=case.truth.images[images[int(n)]].id,
            text="{value}",
            figures={"value": float(values[int(n)])},
        )
        for n in chosen
    )
