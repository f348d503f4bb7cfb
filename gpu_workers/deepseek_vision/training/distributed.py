"""The detector's training as parts for a trainer that owns the loop.

`parts` is the entry that a run's spec names. It imports no trainer and the trainer that
calls it knows no detector: what goes between them is a mapping of names.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from deepseek_vision.data.augment import Augmenter, Batch
from deepseek_vision.data.coco import pack, read_together, sampling_weights
from deepseek_vision.hub import ModelConfig
from deepseek_vision.metrics import as_truth, average_precision
from deepseek_vision.model.detector import Detector, build_detector
from deepseek_vision.prompts import class_embeddings
from deepseek_vision.runtime import cell_centres
from deepseek_vision.training.ema import SlowCopy
from deepseek_vision.training.evaluation import find_all
from deepseek_vision.training.loop import Datasets, gentle, parameter_groups
from deepseek_vision.training.losses import detection_loss
from deepseek_vision.training.recipe import Recipe, preset
from deepseek_vision.training.run import (
    Job,
    prepare_weights,
    write_model,
    write_serving_files,
)

# What the loader hands on: row numbers, and the seed of their augmentation.
Rows = tuple[Tensor, int]


def trainer_config(recipe: Recipe) -> dict[str, object]:
    """Return the trainer's keys that say the same as a recipe."""
    return {
        "global_batch_size": recipe.batch_size,
        "max_steps": recipe.num_steps,
        "seed": recipe.seed,
        "grad_clip_norm": 5.0,
        "evaluate_every_steps": recipe.evaluate_every,
        "channels_last": True,
    }


def parts(
    *,
    data: list[str],
    out: str,
    name: str,
    preset_name: str = "standard",
    changes: Mapping[str, Any] | None = None,
    start_from: str | None = None,
) -> dict[str, object]:
    """Read the data and return what a trainer needs, by name.

    Args:
        data: Folders of labelled pictures.
        out: Where the model directory is written at the end.
        name: Of the model.
        preset_name: A recipe of `recipe.PRESETS`.
        changes: Numbers of it to change.
        start_from: A model whose weights are taken where they fit.
    """
    recipe = preset(preset_name, **(changes or {}))
    torch.manual_seed(recipe.seed)
    job = Job(
        data=tuple(map(Path, data)), out=Path(out), name=name, start_from=start_from
    )
    run = _Run(job, recipe)
    return {
        "model": run.learner,
        "dataset": run.rows,
        "loss": run.loss,
        "collate": run.collate,
        "augment": run.augment,
        "optimizer": run.optimizer,
        "scheduler": run.scheduler,
        "evaluate": run.evaluate,
        "after_update": run.after_update,
        "finish": run.finish,
    }


class Learner(nn.Module):
    """The detector and its slow copy, so that a checkpoint holds both."""

    num_updates: Tensor

    def __init__(self, detector: Detector, recipe: Recipe) -> None:
        super().__init__()
        self.detector = detector
        self._copy = SlowCopy(detector, decay=recipe.ema_decay, ramp=recipe.ema_ramp)
        self.slow = self._copy.model
        self.register_buffer("num_updates", torch.zeros((), dtype=torch.long))

    def forward(self, images_B3HW: Tensor, prompts_PD: Tensor) -> Any:
        return self.detector(images_B3HW, prompts_PD)

    def train(self, mode: bool = True) -> "Learner":  # noqa: FBT001, FBT002 -- nn.Module's
        super().train(mode)
        self.slow.eval()
        return self

    def follow(self) -> int:
        """Move the slow copy; returns how often it was moved, over all resumptions."""
        if not self._copy.num_updates:
            self._copy.num_updates = int(self.num_updates)
        self._copy.update(self.detector)
        self.num_updates += 1
        return self._copy.num_updates


@dataclass(slots=True)
class _Run:
    job: Job
    recipe: Recipe
    learner: Learner = field(init=False)
    rows: Tensor = field(init=False)
    _sets: Datasets = field(init=False)
    _prompts: Tensor = field(init=False)
    _best: dict[str, Tensor] = field(default_factory=dict)
    _metrics: dict[str, float] = field(default_factory=dict)
    _augmenters: tuple[Augmenter, ...] = ()
    _step: int = 0

    def __post_init__(self) -> None:
        recipe = self.recipe
        train = read_together(self.job.data, splits=("train",))
        val = read_together(self.job.data, splits=("val",))
        self._sets = Datasets(
            train=pack(train, side=recipe.side_px),
            val=pack(val, side=recipe.side_px),
            val_coco=val,
        )
        self._prompts = torch.from_numpy(class_embeddings(train.classes))
        detector = build_detector(recipe.size, recipe.options)
        prepare_weights(detector, self.job, self._sets.train, self._prompts)
        self.learner = Learner(detector, recipe)
        weights = sampling_weights(self._sets.train)
        generator = torch.Generator().manual_seed(recipe.seed)
        self.rows = torch.multinomial(
            weights, 4 * len(weights), replacement=True, generator=generator
        )

    def collate(self, rows: list[Tensor]) -> Rows:
        # Drawn from the generator that the loader seeds for each batch.
        return torch.stack(rows), int(torch.randint(1 << 31, ()))

    def augment(self, batch: Rows) -> Batch:
        """Draw the pictures on the device that their numbers are on."""
        rows, seed = batch
        if not self._augmenters:
            self._place(rows.device)
        share = self._step / self.recipe.num_steps
        augmenter = self._augmenters[share >= 1 - self.recipe.plain_share]
        augmenter.seed(seed)
        jitter, host = self.recipe.side_jitter, torch.Generator().manual_seed(seed)
        low, high = (
            round(self.recipe.side_px * s / 32) for s in (1 - jitter, 1 + jitter)
        )
        side = 32 * int(torch.randint(low, high + 1, (), generator=host))
        drawn = augmenter.draw(rows, side=side)
        images = drawn.images.contiguous(memory_format=torch.channels_last)
        return drawn._replace(images=images)

    def _place(self, device: torch.device) -> None:
        sets, generator = self._sets, torch.Generator(device)
        self._sets = Datasets(
            train=sets.train.to(device), val=sets.val.to(device), val_coco=sets.val_coco
        )
        self._prompts = self._prompts.to(device)
        kinds = (self.recipe.augmentation, gentle(self.recipe.augmentation))
        self._augmenters = tuple(
            Augmenter(self._sets.train, kind, generator) for kind in kinds
        )

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        noise = torch.randn_like(self._prompts) * self.recipe.prompt_noise
        answers = model(batch.images, self._prompts + noise)
        centres = _centres(batch.images)
        truth = batch.boxes, batch.labels
        many = detection_loss(
            answers.logits_BAP, answers.distances_BA4, centres, *truth, top_k=10
        )
        one = detection_loss(
            answers.one_logits_BAP, answers.one_distances_BA4, centres, *truth, top_k=1
        )
        return many.total + one.total

    def optimizer(self, _: object) -> torch.optim.Optimizer:
        groups = list(parameter_groups(self.learner.detector, self.recipe))
        for group in groups:
            group["lr"] = self.recipe.lr * group["share"]
        return torch.optim.AdamW(groups, betas=(0.9, 0.99), fused=True)

    def scheduler(self, optimizer: torch.optim.Optimizer) -> LambdaLR:
        recipe = self.recipe

        def share(step: int) -> float:
            warm = min(1.0, (step + 1) / max(1, recipe.warmup_steps))
            progress = min(1.0, step / recipe.num_steps)
            return warm * (0.01 + 0.495 * (1 + math.cos(math.pi * progress)))

        return LambdaLR(optimizer, share)

    def after_update(self, _: nn.Module) -> None:
        self._step = self.learner.follow()

    def evaluate(self, _: nn.Module) -> dict[str, float]:
        slow, val, coco = self.learner.slow, self._sets.val, self._sets.val_coco
        found = find_all(slow, val, coco, self._prompts, _centres(val.images))
        metrics = average_precision(as_truth(coco), found)
        if metrics["AP"] >= self._metrics.get("AP", -1.0):
            self._metrics = metrics
            self._best = {
                n: v.to("cpu", copy=True) for n, v in slow.state_dict().items()
            }
        return metrics

    def finish(self, model: nn.Module) -> None:
        """Write the best slow copy as a model directory, with its serving files."""
        self.evaluate(model)
        recipe, out = self.recipe, self.job.out
        best = build_detector(recipe.size, recipe.options)
        best.load_state_dict(self._best)
        best.eval()
        classes = self._sets.train.classes
        config = ModelConfig(
            name=self.job.name,
            classes=classes,
            size=recipe.size,
            side_px=recipe.side_px,
            options=recipe.options,
            metrics={"val": self._metrics},
        )
        write_model(out, best, config, prompts=self._prompts.cpu())
        (out / "recipe.json").write_text(recipe.to_json() + "\n", encoding="utf-8")
        calibration = read_together(self.job.data, splits=("train",))
        write_serving_files(out, best, config, calibration=calibration)


def _centres(images: Tensor) -> Tensor:
    return torch.from_numpy(cell_centres(*images.shape[-2:])).to(images.device)
