"""Train the click segmenter: real masks, boxes, made-up scenes, all on the device.

Each step draws views, lets the made-up annotator click a random number of times
without gradients, and learns from the answer to the last prompt, the one before it
standing as the previous mask (RITM: Sofiiuk et al., 2021). Pictures that have boxes
alone teach what a box says, and later the model's own answer to the box stands for
the mask when the annotator clicks.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_vision.segmentation.click import simulation
from deepseek_vision.segmentation.click.losses import (
    box_loss,
    colour_likeness,
    mask_loss,
)
from deepseek_vision.segmentation.click.network import (
    STRIDE,
    ClickSegmenter,
    Embedding,
)
from deepseek_vision.segmentation.click.shapes import draw_scenes
from deepseek_vision.segmentation.click.views import (
    View,
    choose_objects,
    draw_views,
    paste_objects,
    recolour,
)
from deepseek_vision.segmentation.packing import MaskSet
from deepseek_vision.training.ema import SlowCopy

_NUM_TAUGHT = 2  # prompts of a series that gradients come from


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickRecipe:
    """How to train. Counts are pictures a step; `sides_px` are drawn at random."""

    num_steps: int = 8000
    max_seconds: float | None = None
    num_real: int = 22
    num_cells: int = 10
    num_made_up: int = 8
    num_boxed: int = 8
    num_objects: int = 4
    max_clicks: int = 8
    sides_px: tuple[int, ...] = (320, 384, 448)
    lr: float = 1.5e-3
    trunk_lr_share: float = 0.25
    weight_decay: float = 0.03
    warmup_steps: int = 200
    box_share: float = 0.3
    own_masks_after: float = 0.35
    ema_decay: float = 0.999
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickData:
    """Sets with masks of everyday things, of cells, and sets with boxes alone."""

    real: MaskSet
    cells: MaskSet
    boxed: MaskSet


Progress = Callable[[int, float, dict[str, float]], None]
Stop = Callable[[], bool]


def train_clicks(
    model: ClickSegmenter,
    data: ClickData,
    recipe: ClickRecipe,
    progress: Progress,
    should_stop: Stop = lambda: False,
) -> ClickSegmenter:
    """Train `model`, on its device, and return the slow copy, which is better.

    `progress` hears of step, share of the whole, and the last losses.
    """
    trainer = _Trainer(model, data, recipe)
    started = time.monotonic()
    step = 0
    while not should_stop():
        share = step / recipe.num_steps
        if recipe.max_seconds is not None:
            share = (time.monotonic() - started) / recipe.max_seconds
        if share >= 1:
            break
        losses = trainer.step(step, share)
        if step % 50 == 0:
            progress(step, share, {k: float(v.detach()) for k, v in losses.items()})
        step += 1
    return trainer.slow.model  # type: ignore[return-value]


class _Trainer:
    def __init__(
        self, model: ClickSegmenter, data: ClickData, recipe: ClickRecipe
    ) -> None:
        self.model, self.data, self.recipe = model.train(), data, recipe
        self.device = next(model.parameters()).device
        self.slow: SlowCopy = SlowCopy(model, decay=recipe.ema_decay, ramp=500)  # type: ignore[arg-type]
        trunk = [*model.encoder.backbone.parameters()]
        trunk += [*model.encoder.encoder.parameters()]
        known = {id(p) for p in trunk}
        rest = [p for p in model.parameters() if id(p) not in known]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": trunk, "share": recipe.trunk_lr_share},
                {"params": rest, "share": 1.0},
            ],
            lr=recipe.lr,
            weight_decay=recipe.weight_decay,
            fused=self.device.type == "cuda",
        )

    def step(self, step: int, share: float) -> dict[str, Tensor]:
        recipe = self.recipe
        rate = 0.5 * (1 + math.cos(math.pi * share)) * 0.99 + 0.01
        rate *= min(1.0, (step + 1) / recipe.warmup_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.lr * rate * group["share"]
        side = recipe.sides_px[step % len(recipe.sides_px)]
        losses: dict[str, Tensor] = {}
        view, boxed = self._draw(side)
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"
        ):
            images = torch.cat([view.images_B3SS, boxed.images_B3SS])
            images = images.contiguous(memory_format=torch.channels_last)
            embedding = self.model.encoder(images)
            num = len(view.images_B3SS)
            strong = Embedding(*(part[:num] for part in embedding))
            losses["mask"] = self._from_masks(strong, view)
            weak = Embedding(*(part[num:] for part in embedding))
            losses |= self._from_boxes(weak, boxed, share)
        total = losses["mask"] + 0.5 * losses["box"] + 0.5 * losses["own"]
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        losses["norm"] = nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.slow.update(self.model)  # type: ignore[arg-type]
        return losses

    @torch.no_grad()
    def _draw(self, side: int) -> tuple[View, View]:
        recipe, data = self.recipe, self.data
        real = draw_views(data.real, recipe.num_real, side=side, turn_deg=15)
        cells = draw_views(data.cells, recipe.num_cells, side=side, turn_deg=180)
        made_up = draw_scenes(
            recipe.num_made_up, side=side, pool_N3SS=data.boxed.images_N3SS
        )
        strong = paste_objects(_join(real, cells, made_up), share=0.35)
        boxed = draw_views(data.boxed, recipe.num_boxed, side=side)
        strong = strong._replace(images_B3SS=recolour(strong.images_B3SS))
        # Likeness of colours is judged on what the model sees, so little is changed.
        return strong, boxed

    def _from_masks(self, embedding: Embedding, view: View) -> Tensor:
        num = self.recipe.num_objects
        with torch.no_grad():
            chosen = choose_objects(view.numbers_BSS, num)
            masks = view.numbers_BSS[:, None] == chosen[:, :, None, None]
            masks = masks.flatten(0, 1)[:, None].float()
            truth = F.avg_pool2d(masks, STRIDE)
            counts = (chosen.flatten() > 0).float()
        return self._from_clicks(_repeat(embedding, num), truth, counts)

    def _from_clicks(
        self, embedding: Embedding, truth_K1HW: Tensor, counts_K: Tensor
    ) -> Tensor:
        recipe = self.recipe
        is_in = truth_K1HW >= 0.5
        clicks = simulation.no_clicks(truth_K1HW)
        with torch.no_grad():
            boxes = simulation.loose_boxes(is_in)
            gets_box = torch.rand(len(counts_K), 1, 1, 1, device=boxes.device)
            gets_box = (gets_box < recipe.box_share).float()
            clicks = clicks._replace(box=boxes * gets_box)
            previous = torch.zeros_like(truth_K1HW)
            # Those with a box may start without a click; the others need one.
            first = simulation.next_clicks(is_in, torch.zeros_like(is_in), clicks)
            skips = gets_box * (torch.rand_like(gets_box) < 0.7)
            clicks = simulation.Clicks(
                first.positive * (1 - skips), first.negative * 0, clicks.box
            )
        # The first answers only feed the next prompts; the last two teach.
        rounds = int(torch.randint(1, recipe.max_clicks + 1, ()).item())
        losses = []
        for index in range(rounds):
            with torch.no_grad():
                if index:
                    clicks = simulation.next_clicks(is_in, previous >= 0.5, clicks)
                prompts = simulation.prompt_maps(clicks, previous)
            with torch.set_grad_enabled(index >= rounds - _NUM_TAUGHT):
                logits = self.model.decoder(*embedding, prompts).float()
            if index >= rounds - _NUM_TAUGHT:
                losses.append(mask_loss(logits, truth_K1HW, counts_K))
            previous = logits.detach().sigmoid()
        return torch.stack(losses).mean()

    def _from_boxes(
        self, embedding: Embedding, view: View, share: float
    ) -> dict[str, Tensor]:
        small = F.avg_pool2d(view.images_B3SS, STRIDE)
        like = torch.zeros_like(small[:, :1])
        boxes = view.boxes_B4 / STRIDE
        filled = simulation.fill_boxes(boxes, like)
        extent = (boxes[:, 2:] - boxes[:, :2]).amin(dim=1)
        counts = (extent >= 4).float()
        clicks = simulation.no_clicks(like)._replace(box=filled)
        prompts = simulation.prompt_maps(clicks, torch.zeros_like(like))
        logits = self.model.decoder(*embedding, prompts).float()
        losses = {"box": box_loss(logits, filled, colour_likeness(small), counts)}
        losses["own"] = torch.zeros((), device=logits.device)
        if share >= self.recipe.own_masks_after:
            with torch.no_grad():
                said = logits.sigmoid()
                own = ((said >= 0.5) & (filled > 0)).float()
                # Only answers that are sure and fill the box somewhat are believed.
                inside = filled.sum(dim=(1, 2, 3)).clamp(min=1)
                doubt = (said.minimum(1 - said) * filled).sum(dim=(1, 2, 3)) / inside
                fill = own.sum(dim=(1, 2, 3)) / inside
                trusted = counts * (doubt < 0.12) * (fill > 0.25)
            losses["own"] = self._from_clicks(embedding, own, trusted)
        return losses


def _join(*views: View) -> View:
    return View(*(torch.cat(parts) for parts in zip(*views, strict=True)))


def _repeat(embedding: Embedding, num: int) -> Embedding:
    return Embedding(*(part.repeat_interleave(num, dim=0) for part in embedding))
