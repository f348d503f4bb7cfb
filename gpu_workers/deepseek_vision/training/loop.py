"""The training loop: takes what it needs, reports events, returns the best weights.

The optimiser stands behind `Stepper`, the one place where a distributed one would be
put in. A distributed trainer that owns the loop itself is given the same parts by
`deepseek_vision.training.distributed`.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from deepseek_vision import events
from deepseek_vision.augmentation import NONE, Augmentation
from deepseek_vision.data.augment import Augmenter, Batch
from deepseek_vision.data.coco import CocoSet, PackedSet, sampling_weights
from deepseek_vision.metrics import as_truth, average_precision
from deepseek_vision.model.detector import Answers, Detector
from deepseek_vision.runtime import cell_centres
from deepseek_vision.training.checkpoint import (
    State,
    load_optimizer,
    optimizer_tensors,
    prefixed,
)
from deepseek_vision.training.ema import SlowCopy
from deepseek_vision.training.evaluation import find_all, samples
from deepseek_vision.training.losses import Losses, detection_loss, imitation_loss
from deepseek_vision.training.recipe import Recipe

Report = Callable[[events.Event], None]
NUM_SUMS = 5  # loss, of classes, of boxes, of the teacher, length of the gradient
_REPORT_EVERY = 20


class Stepper(Protocol):
    """Turns a loss into a step of the weights; answers the gradient's length."""

    @property
    def optimizer(self) -> torch.optim.Optimizer: ...

    def step(self, loss: Tensor, *, lr: float) -> Tensor: ...


class Teacher(Protocol):
    """Scores B A P and boxes B A 4 (pixels) on the student's cells."""

    def __call__(self, images_B3HW: Tensor, /) -> tuple[Tensor, Tensor]: ...


class PlainStepper:
    """AdamW (Loshchilov and Hutter, 2019), the backbone slower than the rest."""

    def __init__(self, model: Detector, recipe: Recipe) -> None:
        self._model = model
        self.optimizer = torch.optim.AdamW(
            list(parameter_groups(model, recipe)),
            betas=(0.9, 0.99),
            fused=next(model.parameters()).is_cuda,
        )

    def step(self, loss: Tensor, *, lr: float) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self._model.parameters(), 5.0)
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["share"]
        self.optimizer.step()
        return norm


def parameter_groups(model: Detector, recipe: Recipe) -> Iterator[dict[str, Any]]:
    """Yield AdamW's groups: backbone and rest, with decay and without."""
    for is_backbone in (True, False):
        for is_decayed in (True, False):
            chosen = [
                value
                for name, value in model.named_parameters()
                if name.startswith("backbone.") == is_backbone
                and (value.dim() > 1) == is_decayed
            ]
            yield {
                "params": chosen,
                "lr": recipe.lr,
                "share": recipe.backbone_lr_share if is_backbone else 1.0,
                "weight_decay": recipe.weight_decay if is_decayed else 0.0,
            }


@dataclass(frozen=True, slots=True, kw_only=True)
class Datasets:
    train: PackedSet
    val: PackedSet
    val_coco: CocoSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The slow copy at its best evaluation."""

    model: Detector
    metrics: dict[str, float]
    num_steps: int
    elapsed_s: float


class Trainer:
    """One run. `device` is where the packed sets and the model are."""

    def __init__(  # noqa: PLR0913 -- the parts of a run
        self,
        model: Detector,
        sets: Datasets,
        recipe: Recipe,
        prompts_PD: Tensor,
        *,
        report: Report,
        teacher: Teacher | None = None,
        stepper: Stepper | None = None,
    ) -> None:
        self.model, self.sets, self.recipe = model, sets, recipe
        self.prompts_PD, self.report, self.teacher = prompts_PD, report, teacher
        self.device = prompts_PD.device
        self.stepper = stepper or PlainStepper(model, recipe)
        self.slow = SlowCopy(model, decay=recipe.ema_decay, ramp=recipe.ema_ramp)
        self._generator = torch.Generator(self.device).manual_seed(recipe.seed)
        self._host = torch.Generator().manual_seed(recipe.seed)
        self._weights = sampling_weights(sets.train)
        self._best = Outcome(
            model=self.slow.model, metrics={"AP": -1.0}, num_steps=0, elapsed_s=0.0
        )
        self.num_samples = 0
        self.told: list[events.StepDone | events.EvaluationDone] = []
        self._augmenters = [
            Augmenter(sets.train, kind, self._generator)
            for kind in (recipe.augmentation, gentle(recipe.augmentation))
        ]
        self.steps_done = self._evaluated_at = self._told_at = 0
        self._total = torch.zeros(NUM_SUMS, device=self.device)
        self._drawn_s = 0.0
        self._start_s = self._told_s = time.perf_counter()

    def run(
        self,
        *,
        should_stop: Callable[[], bool] = lambda: False,
        keep: Callable[[], None] = lambda: None,
    ) -> None:
        """Train to the end of the recipe, or until told to stop after a step.

        `keep` is called between steps, where :meth:`state` is whole.
        """
        recipe = self.recipe
        rich, plain = self._augmenters
        self._told_s = time.perf_counter()
        while (progress := self._progress(self.steps_done)) < 1 and not should_stop():
            self.model.train()
            self.steps_done = step = self.steps_done + 1
            augmenter = rich if progress < 1 - recipe.plain_share else plain
            losses = self._step(augmenter, self._lr(step, progress))
            self._total += torch.stack([*(v.detach() for v in losses)])
            if step % _REPORT_EVERY == 0:
                self._say(step, progress)
            if step % recipe.evaluate_every == 0 and self._progress(step) < 1:
                self._evaluate(step)
            keep()

    def finish(self) -> Outcome:
        """Evaluate what has not been, and return the best."""
        if self._evaluated_at < max(1, self.steps_done):
            self._evaluate(self.steps_done)
        return replace(
            self._best,
            num_steps=self.steps_done,
            elapsed_s=time.perf_counter() - self._start_s,
        )

    def state(self) -> State:
        """Everything that the next steps depend on."""
        tensors = {
            **prefixed("model", self.model.state_dict()),
            **prefixed("slow", self.slow.model.state_dict()),
            **prefixed("best", self._best.model.state_dict()),
            **prefixed("optimizer", optimizer_tensors(self.stepper.optimizer)),
            **prefixed("random", {n: g.get_state() for n, g in self._generators()}),
            "random.global": torch.get_rng_state(),
            "total": self._total.cpu().clone(),
        }
        numbers = {
            "steps_done": self.steps_done,
            "evaluated_at": self._evaluated_at,
            "told_at": self._told_at,
            "elapsed_s": time.perf_counter() - self._start_s,
            "slow_updates": self.slow.num_updates,
            "best": {"metrics": self._best.metrics, "step": self._best.num_steps},
            "told": [events.to_wire(one) for one in self.told],
        }
        return State(tensors=tensors, numbers=numbers)

    def restore(self, state: State) -> None:
        """Go on as the run that had this state would have."""
        numbers = state.numbers
        self.model.load_state_dict(state.part("model"))
        self.slow.model.load_state_dict(state.part("slow"))
        self.slow.num_updates = numbers["slow_updates"]
        best = SlowCopy(self.slow.model).model
        best.load_state_dict(state.part("best"))
        self._best = Outcome(
            model=best,
            metrics=numbers["best"]["metrics"],
            num_steps=numbers["best"]["step"],
            elapsed_s=0.0,
        )
        load_optimizer(self.stepper.optimizer, state.part("optimizer"))
        drawn = state.part("random")
        for name, generator in self._generators():
            generator.set_state(drawn[name])
        torch.set_rng_state(drawn["global"])
        # A checkpoint of an older release sums less.
        total = state.tensors["total"].to(self.device)
        self._total = nn.functional.pad(total, (0, NUM_SUMS - len(total)))
        self.steps_done = numbers["steps_done"]
        self._evaluated_at = numbers["evaluated_at"]
        self._told_at = numbers["told_at"]
        self._start_s = time.perf_counter() - numbers["elapsed_s"]
        for line in numbers["told"]:
            event = events.from_wire(line)
            assert isinstance(event, events.StepDone | events.EvaluationDone)
            self._tell(event)

    def _tell(self, event: events.StepDone | events.EvaluationDone) -> None:
        """Report figures, and keep them: whoever reads may be cut off before them."""
        self.told.append(event)
        self.report(event)

    def _generators(self) -> list[tuple[str, torch.Generator]]:
        rich, plain = self._augmenters
        return [
            ("device", self._generator),
            ("host", self._host),
            ("rich", rich.host_generator),
            ("plain", plain.host_generator),
        ]

    def _progress(self, step: int) -> float:
        limit = self.recipe.max_seconds
        share = step / self.recipe.num_steps
        if limit is None:
            return share
        return max(share, (time.perf_counter() - self._start_s) / limit)

    def _lr(self, step: int, progress: float) -> float:
        warm = min(1.0, step / max(1, self.recipe.warmup_steps))
        return (
            self.recipe.lr * warm * (0.01 + 0.495 * (1 + math.cos(math.pi * progress)))
        )

    def _step(self, augmenter: Augmenter, lr: float) -> tuple[Tensor, ...]:
        began = time.perf_counter()
        batch = self._draw(augmenter)
        self._drawn_s += time.perf_counter() - began
        noise = torch.randn(
            self.prompts_PD.shape, generator=self._generator, device=self.device
        )
        prompts = self.prompts_PD + noise * self.recipe.prompt_noise
        is_cuda = self.device.type == "cuda"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=is_cuda):
            answers = self.model(batch.images, prompts)
        many, one = self._supervised(answers, batch)
        loss = many.total + one.total
        imitated = torch.zeros((), device=self.device)
        if self.teacher is not None and self.recipe.teacher_weight:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=is_cuda):
                scores, boxes = self.teacher(batch.images)
            scores, boxes = scores.float(), boxes.float()
            centres = self._centres(batch.images)
            imitated = imitation_loss(
                answers.logits_BAP, answers.distances_BA4, centres, scores, boxes
            ).total
            loss = loss + self.recipe.teacher_weight * imitated
        norm = self.stepper.step(loss, lr=lr)
        self.slow.update(self.model)
        return loss, many.classes, many.boxes, imitated, norm

    def _supervised(self, answers: Answers, batch: Batch) -> tuple[Losses, Losses]:
        centres = self._centres(batch.images)
        many = detection_loss(
            answers.logits_BAP,
            answers.distances_BA4,
            centres,
            batch.boxes,
            batch.labels,
            top_k=10,
        )
        one = detection_loss(
            answers.one_logits_BAP,
            answers.one_distances_BA4,
            centres,
            batch.boxes,
            batch.labels,
            top_k=1,
        )
        return many, one

    def _draw(self, augmenter: Augmenter) -> Batch:
        recipe = self.recipe
        rows = torch.multinomial(
            self._weights, recipe.batch_size, replacement=True, generator=self._host
        )
        low = round(recipe.side_px * (1 - recipe.side_jitter) / 32)
        high = round(recipe.side_px * (1 + recipe.side_jitter) / 32)
        side = 32 * int(torch.randint(low, high + 1, (), generator=self._host))
        batch = augmenter.draw(rows.to(self.device), side=side)
        images = batch.images.contiguous(memory_format=torch.channels_last)
        return batch._replace(images=images)

    def _centres(self, images: Tensor) -> Tensor:
        centres = cell_centres(images.shape[-2], images.shape[-1])
        return torch.from_numpy(centres).to(self.device, non_blocking=True)

    def _say(self, step: int, progress: float) -> None:
        now = time.perf_counter()
        speed = _REPORT_EVERY * self.recipe.batch_size / (now - self._told_s)
        means = self._total / (step - self._told_at)
        loss, classes, boxes, imitated, norm = means.tolist()
        data_share = min(1.0, self._drawn_s / (now - self._told_s))
        self._total.zero_()
        self._drawn_s = 0.0
        self._told_s, self._told_at = now, step
        if not math.isfinite(loss):
            raise FloatingPointError(f"loss is {loss} at step {step}; lower the lr")
        losses = {"classes": round(classes, 4), "boxes": round(boxes, 4)}
        if self.teacher is not None:
            losses["imitation"] = round(imitated, 4)
        self._tell(
            events.StepDone(
                step=step,
                loss=round(loss, 4),
                lr=round(self._lr(step, progress), 8),
                images_per_s=round(speed, 1),
                losses=losses,
                grad_norm=round(norm, 4),
                data_share=round(data_share, 4),
            )
        )

    def _evaluate(self, step: int) -> None:
        slow, coco = self.slow.model, self.sets.val_coco
        results = self.find(slow)
        metrics = average_precision(as_truth(coco), results)
        is_best = metrics["AP"] >= self._best.metrics["AP"]
        if is_best:
            frozen = SlowCopy(slow).model
            self._best = Outcome(
                model=frozen, metrics=metrics, num_steps=step, elapsed_s=0.0
            )
        self._evaluated_at = step
        self._tell(events.EvaluationDone(step=step, metrics=metrics, is_best=is_best))
        if self.num_samples:
            shown = samples(coco, results, num=self.num_samples)
            self.report(events.SamplesPredicted(step=step, samples=shown))

    def find(self, model: Detector) -> list[dict[str, Any]]:
        """What a model finds in the validation pictures, as COCO results."""
        val = self.sets.val
        centres = torch.from_numpy(cell_centres(*val.images.shape[-2:]))
        return find_all(
            model, val, self.sets.val_coco, self.prompts_PD, centres.to(self.device)
        )


def gentle(recipe: Augmentation) -> Augmentation:
    """What the last steps see: single pictures, moved a little."""
    return Augmentation(
        mosaic_share=NONE.mosaic_share,
        mixup_share=NONE.mixup_share,
        scale=(0.8, 1.25),
        aspect=recipe.aspect / 2,
        colour=recipe.colour / 2,
        flip_share=recipe.flip_share,
        vertical_flip_share=recipe.vertical_flip_share,
    )
