"""Train boxes, classes and masks of one network together, on its device."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_vision.runtime import cell_centres
from deepseek_vision.segmentation.instances.network import (
    InstanceAnswers,
    InstanceSegmenter,
    mask_logits,
    sample,
)
from deepseek_vision.segmentation.instances.views import Scene, draw_scenes
from deepseek_vision.segmentation.packing import MaskSet
from deepseek_vision.segmentation.semantic.crops import relight
from deepseek_vision.training.ema import SlowCopy
from deepseek_vision.training.losses import detection_loss, to_boxes
from deepseek_vision.training.matching import assign

Progress = Callable[[int, float, dict[str, float]], None]
Stop = Callable[[], bool]
TOLD_EVERY = 10  # steps


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRecipe:
    """How to train. `max_seconds`, where given, decides instead of `num_steps`.

    `num_masks` cells a picture teach masks; `scale` is the largest factor of size;
    with `any_way_up` pictures are turned, which suits what lies on no ground.
    """

    num_steps: int = 4000
    max_seconds: float | None = None
    batch_size: int = 16
    side_px: int = 416
    scale: float = 1.6
    any_way_up: bool = False
    light: float = 0.7
    num_masks: int = 32
    mask_weight: float = 2.0
    lr: float = 1e-3
    trunk_lr_share: float = 0.3
    weight_decay: float = 0.03
    warmup_steps: int = 100
    prompt_noise: float = 0.02
    ema_decay: float = 0.998
    seed: int = 0

    def as_options(self) -> dict[str, Any]:
        return asdict(self)


def train_instances(
    model: InstanceSegmenter,
    packed: MaskSet,
    prompts_PD: Tensor,
    recipe: InstanceRecipe,
    progress: Progress,
    should_stop: Stop = lambda: False,
) -> InstanceSegmenter:
    """Train `model` on its device and return a slow copy of it, which is better.

    `progress` hears of step, share of the whole, and the last losses.
    """
    torch.manual_seed(recipe.seed)
    model.train()
    slow: SlowCopy = SlowCopy(model, decay=recipe.ema_decay, ramp=200)  # type: ignore[arg-type]
    optimizer = _optimizer(model, recipe)
    began, step = time.monotonic(), 0
    while not should_stop():
        share = step / recipe.num_steps
        if recipe.max_seconds is not None:
            share = (time.monotonic() - began) / recipe.max_seconds
        if share >= 1:
            break
        rate = rate_at(step, share, recipe)
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * rate * group["share"]
        losses = _losses(model, _draw(packed, recipe), prompts_PD, recipe)
        optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        slow.update(model)  # type: ignore[arg-type]
        if step % TOLD_EVERY == 0:
            progress(step, share, {k: float(v.detach()) for k, v in losses.items()})
        step += 1
    return slow.model  # type: ignore[return-value]


def rate_at(step: int, share: float, recipe: InstanceRecipe) -> float:
    """Which part of the learning rate is used: it rises, then falls along a cosine."""
    rate = 0.5 * (1 + math.cos(math.pi * share)) * 0.99 + 0.01
    return rate * min(1.0, (step + 1) / recipe.warmup_steps)


def _optimizer(
    model: InstanceSegmenter, recipe: InstanceRecipe
) -> torch.optim.Optimizer:
    trunk = [*model.detector.backbone.parameters()]
    known = {id(p) for p in trunk}
    rest = [p for p in model.parameters() if id(p) not in known]
    return torch.optim.AdamW(
        [
            {"params": trunk, "share": recipe.trunk_lr_share},
            {"params": rest, "share": 1.0},
        ],
        lr=recipe.lr,
        weight_decay=recipe.weight_decay,
        fused=next(model.parameters()).device.type == "cuda",
    )


@torch.no_grad()
def _draw(packed: MaskSet, recipe: InstanceRecipe) -> Scene:
    device = packed.images_N3SS.device
    rows = torch.randint(len(packed), (recipe.batch_size,), device=device)
    side = recipe.side_px // 32 * 32
    scene = draw_scenes(
        packed, rows, side=side, scale=recipe.scale, any_way_up=recipe.any_way_up
    )
    images = relight(scene.images_B3SS, strength=recipe.light)
    return scene._replace(images_B3SS=images.contiguous())


def _losses(
    model: InstanceSegmenter, scene: Scene, prompts_PD: Tensor, recipe: InstanceRecipe
) -> dict[str, Tensor]:
    device = prompts_PD.device
    prompts = prompts_PD + torch.randn_like(prompts_PD) * recipe.prompt_noise
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        answers = model(scene.images_B3SS, prompts)
    side = scene.images_B3SS.shape[-1]
    centres = torch.from_numpy(cell_centres(side, side)).to(device)
    found = detection_loss(
        answers.logits_BAP,
        answers.distances_BA4,
        centres,
        scene.boxes_BM4,
        scene.labels_BM,
        top_k=10,
    )
    mask = _mask_loss(model, answers, scene, centres, recipe.num_masks)
    total = found.total + recipe.mask_weight * mask
    return {
        "total": total,
        "classes": found.classes,
        "boxes": found.boxes,
        "masks": mask,
    }


def _mask_loss(
    model: InstanceSegmenter,
    answers: InstanceAnswers,
    scene: Scene,
    centres_A2: Tensor,
    num: int,
) -> Tensor:
    """Cross entropy and Dice of `num` cells a picture, on the grids of their boxes.

    A grid lies half the time on what the cell says of its box, else on the true box
    with its sides a little off.
    """
    with torch.no_grad():
        said = to_boxes(answers.distances_BA4.float(), centres_A2)
        match = assign(
            answers.logits_BAP.float().sigmoid(),
            said,
            centres_A2,
            scene.boxes_BM4,
            scene.labels_BM,
            top_k=5,
        )
        wanted = match.quality_BA * (match.object_BA >= 0)
        cells = torch.multinomial(wanted + 1e-9, min(num, wanted.shape[1]))
        objects = match.object_BA.gather(1, cells)
        true = scene.boxes_BM4.gather(
            1, objects.clamp(min=0)[..., None].expand(-1, -1, 4)
        )
        sides = (true[..., 2:] - true[..., :2]).clamp(min=1)
        loose = true + (torch.rand_like(true) - 0.5) * 0.2 * sides.repeat(1, 1, 2)
        own = said.gather(1, cells[..., None].expand(-1, -1, 4))
        boxes = torch.where(torch.rand_like(true[..., :1]) < 0.5, own, loose)
        numbers = sample(
            scene.numbers_BSS[:, None].float(), boxes, stride=1, mode="nearest"
        )
        truth = (numbers[:, :, 0].round() == objects[..., None, None] + 1).float()
        # A box without an outline, or with none of it in sight, teaches nothing here.
        counts = ((objects >= 0) & truth.flatten(2).any(dim=2)).float()
    index = cells[..., None].expand(-1, -1, answers.kernels_BAQ.shape[-1])
    kernels = answers.kernels_BAQ.float().gather(1, index)
    logits = mask_logits(answers.features_BMHW.float(), kernels, boxes, model.size)
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    inside = logits.sigmoid()
    shared = (inside * truth).sum(dim=(2, 3))
    both = inside.square().sum(dim=(2, 3)) + truth.square().sum(dim=(2, 3))
    each = entropy.mean(dim=(2, 3)) + 1 - (2 * shared + 1) / (both + 1)
    return (each * counts).sum() / counts.sum().clamp(min=1)
