"""Train a semantic segmenter, or any network with the same inputs and outputs."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deepseek_vision.segmentation.semantic import losses
from deepseek_vision.segmentation.semantic.crops import draw_crops, relight
from deepseek_vision.segmentation.semantic.packing import SemanticSet


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticRecipe:
    """How to train. `max_seconds`, where given, decides instead of `num_steps`.

    `trunk_lr_share` is what the part called `stages` learns with; 1 where it has
    nothing to keep.
    """

    num_steps: int = 4000
    max_seconds: float | None = None
    batch_size: int = 16
    side_px: int = 256
    scale: float = 1.4
    light: float = 1.0
    lr: float = 2e-3
    trunk_lr_share: float = 0.5
    weight_decay: float = 0.02
    warmup_steps: int = 100
    ema_decay: float = 0.998
    seed: int = 0

    def as_options(self) -> dict[str, Any]:
        return asdict(self)


Progress = Callable[[int, float, dict[str, float]], None]
Stop = Callable[[], bool]


def train_segmenter(
    model: nn.Module,
    packed: SemanticSet,
    recipe: SemanticRecipe,
    progress: Progress,
    should_stop: Stop = lambda: False,
) -> nn.Module:
    """Train `model` on its device and return a slow copy of it, which is better.

    `progress` hears of step, share of the whole, and the last losses.
    """
    torch.manual_seed(recipe.seed)
    device = next(model.parameters()).device
    model.train()
    slow = copy.deepcopy(model).eval().requires_grad_(requires_grad=False)
    optimizer = _optimizer(model, recipe)
    began, step = time.monotonic(), 0
    while not should_stop():
        share = step / recipe.num_steps
        if recipe.max_seconds is not None:
            share = (time.monotonic() - began) / recipe.max_seconds
        if share >= 1:
            break
        rate = 0.5 * (1 + math.cos(math.pi * share)) * 0.99 + 0.01
        rate *= min(1.0, (step + 1) / recipe.warmup_steps)
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * rate * group["share"]
        said = _step(model, packed, recipe, optimizer, device)
        _follow(slow, model, recipe.ema_decay * (1 - math.exp(-(step + 1) / 200)))
        if step % 50 == 0:
            progress(step, share, {k: float(v.detach()) for k, v in said.items()})
        step += 1
    return slow


def _optimizer(model: nn.Module, recipe: SemanticRecipe) -> torch.optim.Optimizer:
    trunk = [p for n, p in model.named_parameters() if n.startswith("stages.")]
    known = {id(p) for p in trunk}
    rest = [p for p in model.parameters() if id(p) not in known]
    groups = [
        {"params": part, "share": share}
        for part, share in ((trunk, recipe.trunk_lr_share), (rest, 1.0))
        if part
    ]
    return torch.optim.AdamW(
        groups,
        lr=recipe.lr,
        weight_decay=recipe.weight_decay,
        fused=next(model.parameters()).device.type == "cuda",
    )


def _step(
    model: nn.Module,
    packed: SemanticSet,
    recipe: SemanticRecipe,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
) -> dict[str, Tensor]:
    with torch.no_grad():
        images, classes = draw_crops(
            packed, recipe.batch_size, side=recipe.side_px, scale=recipe.scale
        )
        images = relight(images, strength=recipe.light)
        images = images.contiguous(memory_format=torch.channels_last)
    is_fast = device.type == "cuda"
    with torch.autocast(device.type, torch.bfloat16, enabled=is_fast):
        logits = model(images).float()
    said = losses.semantic_loss(logits, classes)
    optimizer.zero_grad(set_to_none=True)
    losses.total(said).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return said


@torch.no_grad()
def _follow(slow: nn.Module, model: nn.Module, decay: float) -> None:
    pairs = [
        (a, b)
        for a, b in zip(
            [*slow.parameters(), *slow.buffers()],
            [*model.parameters(), *model.buffers()],
            strict=True,
        )
        if a.is_floating_point()
    ]
    torch._foreach_lerp_([a for a, _ in pairs], [b for _, b in pairs], 1 - decay)
