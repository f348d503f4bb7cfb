"""How gradients run through a model's layers: needs its weights, and loads torch.

One backward pass of the training loss on each of a few labeled pictures. Where a
layer's gradient is far smaller, for its weights, than that of the others, nothing is
learned there (Glorot and Bengio, AISTATS 2010); where it is far larger, steps tear.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.graphs import pixels_of, sample
from deepseek_diagnostics.result import (
    Action,
    Axis,
    Finding,
    Plot,
    Series,
    Severity,
    Table,
)
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.hub import find_model
from deepseek_vision.model.detector import Answers
from deepseek_vision.runtime import cell_centres
from deepseek_vision.training.losses import detection_loss
from deepseek_vision.training.run import restore

NUM_PROBED = 4
# Beside the middle one, a layer of so small a gradient does not learn.
QUIET, FOOT = 1e-4, 1e-6
MOST_QUIET = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One layer.

    Attributes:
        ratio: Mean length of its gradient over the length of its weights.
    """

    name: str
    ratio: float


def flows_seen(case: Case) -> list[Flow]:
    """Every convolution, from the picture on; empty where no picture has a known object."""
    directory = find_model(case.spec.model)
    torch.set_num_threads(case.spec.num_threads)
    model, _config = restore(directory.path)
    prompts = torch.from_numpy(directory.read_prompts())
    layers = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d)
    }
    norms: dict[str, list[float]] = {name: [] for name in layers}
    for image in sample(case, NUM_PROBED, "gradients"):
        case.tell(0)
        truth = _truth_of(case, image)
        if truth is None:
            continue
        model.zero_grad(set_to_none=True)
        pixels = torch.from_numpy(pixels_of(case, image)).permute(0, 3, 1, 2).float()
        _loss(model(pixels, prompts), pixels, *truth).backward()
        for name, layer in layers.items():
            grad = layer.weight.grad
            norms[name].append(0.0 if grad is None else float(grad.norm()))
    return [
        Flow(
            name=name,
            ratio=float(
                np.mean(norms[name]) / max(float(layer.weight.detach().norm()), 1e-12)
            ),
        )
        for name, layer in layers.items()
        if norms[name]
    ]


def _truth_of(case: Case, image: int) -> tuple[Tensor, Tensor] | None:
    """A picture's boxes as the model sees it, and their classes by its numbers."""
    number_of = {int(of_data): n for n, of_data in enumerate(case.class_of)}
    truth, row = case.truth, case.truth.images[image]
    rows = [
        int(one)
        for one in np.flatnonzero(truth.image_N == image)
        if int(truth.classes_N[one]) in number_of
    ]
    if not rows:
        return None
    scale = case.side_px / max(row.width, row.height)
    boxes = torch.from_numpy(truth.boxes_N4[rows] * scale).float()
    labels = torch.tensor([number_of[int(truth.classes_N[one])] for one in rows])
    return boxes[None], labels[None]


def _loss(answers: Answers, pixels: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
    centres = torch.from_numpy(cell_centres(*pixels.shape[-2:]))
    many, one = (
        detection_loss(logits, distances, centres, boxes, labels, top_k=top_k)
        for logits, distances, top_k in (
            (answers.logits_BAP, answers.distances_BA4, 10),
            (answers.one_logits_BAP, answers.one_distances_BA4, 1),
        )
    )
    return many.total + one.total


def finding_of(flows: Sequence[Flow]) -> Finding:
    ratios = np.array([one.ratio for one in flows])
    middle = float(np.median(ratios))
    quiet = [one.name for one in flows if one.ratio < QUIET * middle]
    loudest = max(flows, key=lambda one: one.ratio)
    is_bad = len(quiet) > MOST_QUIET * len(flows)
    return Finding(
        code="health.quiet" if is_bad else "health.flow",
        severity=Severity.WARN if is_bad else Severity.GOOD,
        text=_(
            "{num} of {all} layers get next to no gradient from this data, “{layer}” "
            "first: they no longer learn."
        )
        if is_bad
        else _(
            "Gradients reach the layers: {num} of {all} get next to none; the largest, in "
            "“{loudest}”, is {times} times the middle one."
        ),
        next=_(
            "Where these answer for objects of a size that the data lacks, label some of "
            "that size or train a smaller model; else begin again with a lower learning "
            "rate."
        )
        if is_bad
        else _("Nothing to do: what the data says arrives everywhere."),
        figures={
            "num": len(quiet), "all": len(flows), "layer": quiet[0] if quiet else "",
            "loudest": loudest.name, "times": loudest.ratio / max(middle, 1e-30),
        },
        action=Action.LABEL if is_bad else Action.NONE,
    )  # fmt: skip


def plot_of(flows: Sequence[Flow]) -> Plot:
    """From the picture on; what gets next to nothing stands at the foot of the scale."""
    title = _("Gradient over weights")
    foot = FOOT * max(float(np.median([one.ratio for one in flows])), 1e-12)
    return Plot(
        title=title,
        kind="line",
        x=Axis(label=_("Layer, from the picture on")),
        y=Axis(label=title, scale="log"),
        series=(
            Series(
                name=title,
                x=tuple(float(n + 1) for n in range(len(flows))),
                y=tuple(float(f"{max(one.ratio, foot):.4g}") for one in flows),
            ),
        ),
    )


def table_of(flows: Sequence[Flow]) -> Table:
    """The layers that get the least first."""
    return Table(
        title=_("Gradients by layer, the least first"),
        columns=(_("Layer"), _("Gradient over weights")),
        rows=tuple(
            (one.name, f"{one.ratio:.3g}")
            for one in sorted(flows, key=lambda one: one.ratio)[:30]
        ),
    )
