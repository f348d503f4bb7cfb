"""Which layers could be narrower.

Li, Kadav, Durdanovic, Samet, Graf, "Pruning Filters for Efficient ConvNets", ICLR 2017:
half of one layer's filters, those with the smallest weights, are silenced, and what the
model then still finds of its own boxes says how much it needs them. The speed that a
narrower layer would bring is its share of the multiplications.
"""

import numpy as np
import onnx

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.data import Floats, Ints, iou
from deepseek_diagnostics.errors import NotApplicableError
from deepseek_diagnostics.graphs import (
    Array,
    Graph,
    float_file,
    layers_of,
    pixels_of,
    prompts_of,
    readable,
    sample,
)
from deepseek_diagnostics.result import (
    Action,
    Axis,
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
from deepseek_vision.runtime import cell_centres

INFO = BY_ID["pruning"]
NUM_PROBED = 4
SHARE = 0.5
LEAST_FILTERS = 16
SPARE_LOSS = 0.02
NUM_DRAWS = 200
# The share of inner channels that the advised model keeps.
KEEP = 0.75


def run(case: Case) -> ToolResult:
    model = onnx.load(float_file(case))
    layers = [
        (node, weights)
        for node, weights in layers_of(model)
        if len(weights) >= LEAST_FILTERS and weights.shape[1] > 1
    ][: int(case.option("most_layers", 1000))]
    threads = case.spec.num_threads
    outputs = [node.output[0] for node, _w in layers]
    prompts = prompts_of(case)
    images = sample(case, NUM_PROBED, "pruning")
    pictures = [pixels_of(case, image) for image in images]
    whole = Graph(model, reads=outputs, num_threads=threads)
    wanted = [whole.run(pixels, prompts) for pixels in pictures]
    work = np.array(
        [
            float(np.prod(wanted[0][node.output[0]].shape[2:])) * float(weights.size)
            for node, weights in layers
        ]
    )
    sure_P = np.array([_num_sure(one) for one in wanted])
    if not sure_P.any():
        raise NotApplicableError(
            _("the model finds nothing in the pictures it was probed with")
        )
    gone_LP, lost = np.zeros((len(layers), len(images))), []
    for number, (node, weights) in enumerate(layers):
        case.tell(0)
        changed = silenced(model, node, weights)
        narrow = Graph(model, num_threads=threads, changed=changed)
        answers = [narrow.run(pixels, prompts) for pixels in pictures]
        kept = [
            _num_kept(one, other, pixels.shape)
            for one, other, pixels in zip(wanted, answers, pictures, strict=True)
        ]
        gone = gone_LP[number] = sure_P - np.array(kept)
        # Behind a layer: the pictures that lose boxes without it, the most first.
        hurt = [images[n] for n in np.argsort(-gone, kind="stable") if gone[n]]
        lost.append(case.behind(hurt))
    loss = gone_LP.sum(axis=1) / sure_P.sum()
    speed = SHARE * work / work.sum()
    spare = np.flatnonzero(loss <= SPARE_LOSS)
    spared = float(speed[spare].sum())
    low, high = _span(gone_LP, sure_P, speed, case.rng("spare"))
    return ToolResult(
        tool=INFO.id,
        version=INFO.version,
        question=INFO.question,
        headline=Headline(
            name=_("spare work"),
            value=spared,
            low=min(low, spared),
            high=max(high, spared),
            is_more_better=False,
        ),
        findings=(_finding(layers, loss, spare, work, has_weights=_has_weights(case)),),
        plots=(_plot(loss, lost),),
        tables=(
            Table(
                title=_("By layer"),
                columns=(_("Layer"), _("Filters"), _("Boxes lost"), _("Work spared")),
                rows=tuple(
                    (
                        readable(layers[n][0].name),
                        len(layers[n][1]),
                        round(float(loss[n]), 3),
                        round(float(speed[n]), 4),
                    )
                    for n in np.argsort(loss, kind="stable")
                ),
            ),
        ),
        values={
            "layers": [node.name for node, _w in layers],
            "loss": loss.round(4).tolist(),
            "work_spared": speed.round(5).tolist(),
        },
    )


def _span(
    gone_LP: Floats, sure_P: Ints, speed_L: Floats, rng: np.random.Generator
) -> tuple[float, float]:
    """The middle 95 % of what is spare when the pictures are drawn again."""
    num = len(sure_P)
    drawn_DP = rng.multinomial(num, np.full(num, 1 / num), size=NUM_DRAWS)
    sure_D = np.maximum(1, drawn_DP @ sure_P)
    loss_DL = drawn_DP @ gone_LP.T / sure_D[:, None]
    return interval((loss_DL <= SPARE_LOSS) @ speed_L)


def silenced(
    model: onnx.ModelProto, node: onnx.NodeProto, weights: Array
) -> dict[str, Array]:
    """The layer's weights with its weakest half at nothing, and its biases alike."""
    strength = np.abs(weights).reshape(len(weights), -1).sum(axis=1)
    gone = np.argsort(strength, kind="stable")[: int(SHARE * len(weights))]
    narrow = weights.copy()
    narrow[gone] = 0
    changed = {node.input[1]: narrow}
    if len(node.input) > 2:
        values = {one.name: one for one in model.graph.initializer}
        if node.input[2] in values:
            bias = onnx.numpy_helper.to_array(values[node.input[2]]).copy()
            bias[gone] = 0
            changed[node.input[2]] = bias
    return changed


def _num_sure(answer: dict[str, Array]) -> int:
    return int((answer["logits"][0].max(axis=1) > 0).sum())


def _num_kept(
    one: dict[str, Array], other: dict[str, Array], shape: tuple[int, ...]
) -> int:
    """How many cells that were sure of a class still say it of the same box."""
    logits, narrow = one["logits"][0], other["logits"][0]
    cells = np.flatnonzero(logits.max(axis=1) > 0)
    centres = cell_centres(shape[1], shape[2])[cells]
    said = logits[cells].argmax(axis=1)
    still = (narrow[cells].argmax(axis=1) == said) & (narrow[cells].max(axis=1) > -0.5)
    boxes = [_boxes(answer["distances"][0][cells], centres) for answer in (one, other)]
    same = np.array(
        [float(iou(a[None], b[None])[0, 0]) for a, b in zip(*boxes, strict=True)]
    )
    return int((still & (same >= 0.5)).sum()) if len(cells) else 0


def _boxes(distances: Array, centres: Array) -> Floats:
    corners = [centres - distances[:, :2], centres + distances[:, 2:]]
    return np.concatenate(corners, axis=1).astype(np.float64)


def _finding(
    layers: list[tuple[onnx.NodeProto, Array]],
    loss: Floats,
    spare: Ints,
    work: Floats,
    *,
    has_weights: bool,
) -> Finding:
    dearest = int(np.argmax(loss))
    spared = SHARE * float(work[spare].sum() / work.sum())
    changes: dict[str, float | int | str] = {"preset": "edge"}
    if has_weights:
        changes["keep"] = KEEP
    named = sorted(spare.tolist(), key=lambda n: -work[n])[:5]
    return Finding(
        code="pruning.spare" if len(spare) else "pruning.none",
        severity=Severity.INFO if len(spare) else Severity.GOOD,
        text=_(
            "{num} of {all} layers could lose half of their filters almost unnoticed: "
            "{share} of the work; “{layer}” is needed most."
        ),
        next=_(
            "Narrow the model and let the wide one teach it for a quarter of an hour, "
            "or train a smaller size; most is spared in: {layers}."
        )
        if len(spare) and has_weights
        else _(
            "The model has no weights to narrow: train a smaller size; most would be "
            "spared in: {layers}."
        )
        if len(spare)
        else _("Leave the layers as wide as they are; serve in 8 bits instead."),
        figures={
            "num": len(spare),
            "all": len(layers),
            "share": f"{100 * spared:.0f} %",
            "layer": readable(layers[dearest][0].name),
            "layers": ", ".join(readable(layers[n][0].name) for n in named),
        },
        action=Action.NONE
        if not len(spare)
        else Action.SMALLER
        if has_weights
        else Action.TRAIN,
        changes={} if not len(spare) else changes,
    )


def _has_weights(case: Case) -> bool:
    return (find_model(case.spec.model).path / TORCH_FILE).is_file()


def _plot(loss: Floats, lost: list[tuple[int, ...]]) -> Plot:
    return Plot(
        title=_("Boxes lost without half of a layer"),
        kind="bar",
        x=Axis(label=_("Layer, from the picture on"), scale="category"),
        y=Axis(label=_("Boxes lost"), low=0, high=1),
        series=(
            Series(
                name=_("Boxes lost"),
                x=tuple(str(n + 1) for n in range(len(loss))),
                y=tuple(loss.round(4).tolist()),
                images=tuple(lost),
            ),
        ),
    )
