"""A student follows a teacher: its scores, its boxes and its features.

Scores and boxes cell by cell (`imitation_loss`); features by their correlation, which
asks for the same pattern and not for the same size (PKD: Cao et al., 2022). The truth
counts as well. The same loop makes a model aware of its own rounding: the student is
its rounded copy, the teacher itself (quantisation-aware distillation).
"""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from deepseek_vision import events
from deepseek_vision.augmentation import Augmentation
from deepseek_vision.data.augment import Augmenter, Batch
from deepseek_vision.data.coco import PackedSet, sampling_weights
from deepseek_vision.model.detector import Answers, Detector
from deepseek_vision.model.layers import regain_statistics
from deepseek_vision.runtime import cell_centres
from deepseek_vision.training.aware import stop_watching
from deepseek_vision.training.ema import SlowCopy
from deepseek_vision.training.loop import gentle
from deepseek_vision.training.losses import detection_loss, imitation_loss, to_boxes

Report = Callable[[events.Event], None]
_REPORT_EVERY = 20
_REPORT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """How a student is taught. The learning rate falls to nothing along a cosine.

    `max_seconds` ends a lesson early, on schedule; its last `plain_share` sees single
    pictures, gently moved.
    """

    num_steps: int = 300
    max_seconds: float | None = None
    plain_share: float = 0.15
    batch_size: int = 16
    lr: float = 4e-4
    feature_weight: float = 2.0
    answer_weight: float = 2.0
    is_aware: bool = False
    ema_decay: float = 0.99
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        """Refuse numbers that no lesson could use.

        Raises:
            ValueError: naming the field and the value.
        """
        for name in ("num_steps", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} must be at least 1, got {getattr(self, name)}"
                )


def correlation_loss(student_BCHW: Tensor, teacher_BCHW: Tensor) -> Tensor:
    """1 - Pearson's correlation per channel over pictures and cells, in [0, 2]."""
    if student_BCHW.shape != teacher_BCHW.shape:
        raise ValueError(f"{student_BCHW.shape} and {teacher_BCHW.shape} differ")
    a, b = (_standard(x.float()) for x in (student_BCHW, teacher_BCHW))
    return (a - b).square().mean() / 2


def _standard(x_BCHW: Tensor) -> Tensor:
    centred = x_BCHW - x_BCHW.mean(dim=(0, 2, 3), keepdim=True)
    spread = centred.square().mean(dim=(0, 2, 3), keepdim=True)
    return centred / (spread + 1e-6).sqrt()


class Follower:
    """One lesson of `student` by `teacher`; both know the same prompts."""

    def __init__(
        self,
        student: Detector,
        teacher: Detector,
        packed: PackedSet,
        prompts_PD: Tensor,
        lesson: Lesson,
    ) -> None:
        regain_statistics(
            student, packed.images, lambda some: student(some, prompts_PD)
        )
        self.student = student.train()
        self.teacher = copy.deepcopy(teacher).eval().requires_grad_(requires_grad=False)
        self.packed, self.prompts_PD, self.lesson = packed, prompts_PD, lesson
        self.device = prompts_PD.device
        self.slow = SlowCopy(student, decay=lesson.ema_decay, ramp=20)
        self._bridges = self._build_bridges().to(self.device)
        self._optimizer = torch.optim.AdamW(
            [*student.parameters(), *self._bridges.parameters()],
            lr=lesson.lr,
            betas=(0.9, 0.99),
            weight_decay=0.02,
        )
        self._generator = torch.Generator(self.device).manual_seed(lesson.seed)
        self._host = torch.Generator().manual_seed(lesson.seed)
        self._side = packed.images.shape[-1]
        centres = torch.from_numpy(cell_centres(self._side, self._side))
        self._centres = centres.to(self.device)

    def _build_bridges(self) -> nn.ModuleList:
        """1x1 kernels from the student's widths to the teacher's, where they differ."""
        probe = torch.zeros(1, 3, 64, 64, device=self.device)
        with torch.no_grad():
            own = copy.deepcopy(self.student).eval()(probe, self.prompts_PD).pyramid
            theirs = self.teacher(probe, self.prompts_PD).pyramid
        return nn.ModuleList(
            nn.Identity()
            if a.shape[1] == b.shape[1]
            else nn.Conv2d(a.shape[1], b.shape[1], 1, bias=False)
            for a, b in zip(own, theirs, strict=True)
        )

    def run(
        self, *, report: Report, should_stop: Callable[[], bool] = lambda: False
    ) -> Detector:
        """Teach to the end, or until told to stop; returns the slow copy."""
        lesson, look = self.lesson, self.lesson.augmentation
        rich, plain = (
            Augmenter(self.packed, one, self._generator) for one in (look, gentle(look))
        )
        weights = sampling_weights(self.packed)
        total, mark = torch.zeros(4, device=self.device), time.perf_counter()
        began, step, told = mark, 0, 0
        while (progress := self._progress(step, began)) < 1 and not should_stop():
            step += 1
            if lesson.is_aware and progress > 0.5:
                stop_watching(self.student)
            rows = torch.multinomial(
                weights, lesson.batch_size, replacement=True, generator=self._host
            )
            augmenter = rich if progress < 1 - lesson.plain_share else plain
            batch = augmenter.draw(rows.to(self.device), side=self._side)
            lr = self._lr(progress)
            total += self._step(batch, lr)
            num, now = step - told, time.perf_counter()
            if num == _REPORT_EVERY or now - mark > _REPORT_S:
                speed = num * lesson.batch_size / (now - mark)
                report(_step_done(step, lr, total / num, speed))
                mark, told = now, step
                total.zero_()
        return self.slow.model

    def _progress(self, step: int, began: float) -> float:
        share = step / self.lesson.num_steps
        if self.lesson.max_seconds is None:
            return share
        return max(share, (time.perf_counter() - began) / self.lesson.max_seconds)

    def _lr(self, progress: float) -> float:
        warm = min(1.0, 0.05 + 20 * progress)
        turn = math.cos(math.pi * progress)
        return self.lesson.lr * warm * (0.01 + 0.495 * (1 + turn))

    def _step(self, batch: Batch, lr: float) -> Tensor:
        lesson = self.lesson
        # Rounding must be felt exactly, so an aware student is not run in bfloat16.
        is_half = self.device.type == "cuda"
        with torch.no_grad(), torch.autocast("cuda", torch.bfloat16, enabled=is_half):
            told = self.teacher(batch.images, self.prompts_PD)
        is_half = is_half and not lesson.is_aware
        with torch.autocast("cuda", torch.bfloat16, enabled=is_half):
            said = self.student(batch.images, self.prompts_PD)
            patterns = [
                correlation_loss(bridge(a), b)
                for bridge, a, b in zip(
                    self._bridges, said.pyramid, told.pyramid, strict=True
                )
            ]
        features = torch.stack(patterns).sum()
        truth = self._truth(said, batch)
        answers = self._imitated(said, told)
        loss = truth + lesson.answer_weight * answers + lesson.feature_weight * features
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.step()
        self.slow.update(self.student)
        return torch.stack([v.detach() for v in (loss, truth, answers, features)])

    def _truth(self, said: Answers, batch: Batch) -> Tensor:
        pairs = (
            (said.logits_BAP, said.distances_BA4, 10),
            (said.one_logits_BAP, said.one_distances_BA4, 1),
        )
        losses = [
            detection_loss(
                logits, sides, self._centres, batch.boxes, batch.labels, top_k=top_k
            ).total
            for logits, sides, top_k in pairs
        ]
        return torch.stack(losses).sum()

    def _imitated(self, said: Answers, told: Answers) -> Tensor:
        return imitation_loss(
            said.logits_BAP,
            said.distances_BA4,
            self._centres,
            told.logits_BAP.float().sigmoid(),
            to_boxes(told.distances_BA4.float(), self._centres),
        ).total


def _step_done(step: int, lr: float, mean: Tensor, speed: float) -> events.StepDone:
    loss, truth, answers, features = (round(value, 4) for value in mean.tolist())
    if not math.isfinite(loss):
        raise FloatingPointError(f"loss is {loss} at step {step}; lower the lr")
    return events.StepDone(
        step=step,
        loss=loss,
        lr=round(lr, 8),
        images_per_s=round(speed, 1),
        losses={"truth": truth, "answers": answers, "features": features},
    )
