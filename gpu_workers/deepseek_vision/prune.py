"""Structured pruning: fewer inner channels in the backbone's blocks, then fine-tuning.

Only the widths inside a block are cut (expand, depthwise, project), so nothing outside
depends on them, no graph has to be traced, and the new widths are one option of the
configuration (`hidden`). Importance is the product of a channel's three kernel norms
with its batch norms folded in: the size of what it can add to the block's answer
(magnitude pruning: Li et al., 2017).
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from deepseek_vision.model.backbone import Backbone, InvertedResidual
from deepseek_vision.model.detector import Detector, build_detector

MULTIPLE = 8  # of channels: what the runtimes' kernels work in


def blocks_of(backbone: Backbone) -> Iterator[InvertedResidual]:
    for module in backbone.modules():
        if isinstance(module, InvertedResidual):
            yield module


def hidden_widths(backbone: Backbone) -> list[int]:
    """The inner width of every block, in the order of the option `hidden`."""
    return [block.body[-1][0].in_channels for block in blocks_of(backbone)]  # type: ignore[index]


def kept_widths(backbone: Backbone, *, keep: float) -> list[int]:
    """Widths that keep a share of each block that expands; the first stays whole.

    Raises:
        ValueError: when the share is not in (0, 1].
    """
    if not 0 < keep <= 1:
        raise ValueError(f"keep must be in (0, 1], got {keep}")
    return [
        width
        if len(block.body) < 3
        else max(MULTIPLE, math.floor(width * keep / MULTIPLE + 0.5) * MULTIPLE)
        for block, width in zip(
            blocks_of(backbone), hidden_widths(backbone), strict=True
        )
    ]


def importance(block: InvertedResidual) -> Tensor:
    """How much each inner channel can add to what the block says."""
    expand, depthwise, project = (_folded(part) for part in block.body)
    product: Tensor = (
        expand.flatten(1).norm(dim=1)
        * depthwise.flatten(1).norm(dim=1)
        * project.flatten(2).norm(dim=2).norm(dim=0)
    )
    return product


def _folded(part: nn.Module) -> Tensor:
    conv, norm = part[0], part[1]  # type: ignore[index]
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()
    weight: Tensor = conv.weight * gain.reshape(-1, 1, 1, 1)
    return weight.detach()


def prune(
    model: Detector,
    *,
    size: str,
    options: dict[str, object],
    hidden: Sequence[int],
) -> tuple[Detector, dict[str, object]]:
    """A detector with the most important `hidden` channels, and its options.

    Raises:
        ValueError: when a width is larger than the block it is for.
    """
    changed = {**options, "hidden": list(hidden)}
    small = build_detector(size, changed)
    weights = dict(model.state_dict())
    names = {module: name for name, module in model.named_modules()}
    for block, width in zip(blocks_of(model.backbone), hidden, strict=True):
        if len(block.body) < 3:
            continue
        scores = importance(block)
        if width > len(scores):
            raise ValueError(f"a block of {len(scores)} channels cannot keep {width}")
        rows = scores.topk(width).indices.sort().values
        _cut(weights, names[block] + ".body", rows)
    small.load_state_dict(
        {name: weights[name] for name in small.state_dict()}, strict=True
    )
    return small.eval(), changed


@torch.no_grad()
def _cut(weights: dict[str, Tensor], body: str, rows: Tensor) -> None:
    for name in list(weights):
        if not name.startswith((f"{body}.0.", f"{body}.1.")) or not weights[name].dim():
            continue
        weights[name] = weights[name][rows]
    project = f"{body}.2.0.weight"
    weights[project] = weights[project][:, rows]
