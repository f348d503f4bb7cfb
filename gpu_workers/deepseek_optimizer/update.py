"""One optimizer update, decided on the device: a bad step is skipped before the host knows.

Loss, gradient norm and the verdict stay in device memory; a copy travels to the host
behind the step, which reads it `LAG` steps later while the device works on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from deepseek_optimizer.exchange.reducers import Skips
from deepseek_optimizer.parallel import Replica
from deepseek_optimizer.spec import TrainConfig
from deepseek_optimizer.timing import Mark, Stopwatch

# Growth and back-off of the fp16 loss scale, as torch.amp.GradScaler has them.
FIRST_SCALE, GROWTH_STEPS = 65536.0, 2000.0

Limits = tuple[float, float]  # of the loss and of the gradient's norm


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step came to, the same on all ranks."""

    loss: float
    grad_norm: float
    is_skipped: bool
    is_stopping: bool
    is_saving: bool


class Travelling:
    """An outcome on its way to the host."""

    def __init__(self, values: Tensor | list[float], stopwatch: Stopwatch) -> None:
        self._values = values
        if isinstance(values, Tensor):
            self._values = torch.empty(
                values.shape, dtype=values.dtype, pin_memory=True
            )
            self._values.copy_(values, non_blocking=True)
        self.mark: Mark = stopwatch.mark()

    def read(self) -> Outcome:
        if not isinstance(self.mark, float):
            self.mark.synchronize()
        values = self._values
        loss, norm, *flags = values.tolist() if isinstance(values, Tensor) else values
        return Outcome(loss, norm, *(flag > 0 for flag in flags))


class Updater:
    """Judges a step's gradients and applies them, without waiting for the device."""

    def __init__(
        self,
        replica: Replica,
        optimizer: torch.optim.Optimizer,
        config: TrainConfig,
        stopwatch: Stopwatch,
    ) -> None:
        self.replica, self.optimizer, self.stopwatch = replica, optimizer, stopwatch
        self.device, self.clip = stopwatch.device, config.grad_clip_norm
        self.world_size = dist.get_world_size()
        self._params = [p for p in replica.module.parameters() if p.requires_grad]
        # What torch's fused optimizers promise: they skip where found_inf is 1 and
        # divide by grad_scale in the same pass. Others need the host's word.
        self._is_fused = getattr(optimizer, "_step_supports_amp_scaling", False)
        self._scales_loss = config.precision == "fp16"
        first = FIRST_SCALE if self._scales_loss else 1.0
        self._scale = torch.tensor(first, device=self.device)
        self._growth = torch.zeros((), device=self.device)

    def scaled(self, loss: Tensor) -> Tensor:
        return loss * self._scale if self._scales_loss else loss

    @torch.no_grad()
    def apply(
        self, part: Tensor, limits: Limits, *, stops: bool, saves: bool
    ) -> Travelling:
        """Update the weights, or leave them, the optimizer and the residuals alone.

        Args:
            part: This rank's part of the global mean loss, a scalar on the device.
            limits: Largest loss and gradient norm of a step that counts.
            stops: This rank was asked to stop.
            saves: This rank wants a checkpoint.
        """
        grads = [p.grad for p in self._params if p.grad is not None]
        norm = self._norm(grads)
        flags = [float(stops), float(saves)]
        values: Tensor | list[float]
        skips: Skips
        if self.device.type == "cpu":
            values, skips = self._on_host(part, norm, flags, limits)
        else:
            values, skips = self._on_device(part, norm, flags, limits)
        self._step(grads, norm, skips)
        self.replica.settle(skips)
        if self._scales_loss:
            self._rescale(norm)
        if isinstance(self.replica.step, DistributedDataParallel):
            # Views of its buckets: kept, they spare a copy.
            torch._foreach_zero_(grads)
        else:
            for parameter in self._params:
                parameter.grad = None
        return Travelling(values, self.stopwatch)

    def _on_device(
        self, part: Tensor, norm: Tensor, flags: list[float], limits: Limits
    ) -> tuple[Tensor, Tensor]:
        """Return the outcome and whether to skip, which the host does not wait for."""
        host = torch.tensor([*flags, *limits], dtype=torch.float64).pin_memory()
        host = host.to(self.device, non_blocking=True)
        is_bad = ~(part.isfinite() & norm.isfinite())
        word = torch.stack([part.double(), is_bad.double(), host[0], host[1]])
        if self.world_size > 1:
            dist.all_reduce(word)
        loss = word[0]
        skips = (word[1] > 0) | (loss > host[2]) | (norm > host[3])
        values = torch.stack([loss, norm.double(), skips.double(), word[2], word[3]])
        return values, skips

    def _on_host(
        self, part: Tensor, norm: Tensor, flags: list[float], limits: Limits
    ) -> tuple[list[float], bool]:
        """The same by plain numbers, which on a CPU cost a tenth of that many tensors."""
        loss, size = part.item(), norm.item()
        num_bad = float(not (math.isfinite(loss) and math.isfinite(size)))
        if self.world_size > 1:
            word = torch.tensor([loss, num_bad, *flags], dtype=torch.float64)
            dist.all_reduce(word)
            loss, num_bad, *flags = word.tolist()
        skips = num_bad > 0 or loss > limits[0] or size > limits[1]
        return [loss, size, float(skips), *flags], skips

    def _norm(self, grads: list[Tensor]) -> Tensor:
        if not grads:
            return torch.zeros((), device=self.device)
        # As torch's get_total_norm, which first sorts the tensors by device and type.
        norms = torch._foreach_norm(grads)  # noqa: SLF001 -- has no public name
        total: Tensor = torch.linalg.vector_norm(torch.stack(norms))
        if isinstance(total, DTensor):
            total = total.full_tensor()
        return total / self._scale if self._scales_loss else total

    def _step(self, grads: list[Tensor], norm: Tensor, skips: Skips) -> None:
        divisor = self._scale if self._scales_loss else None
        if self.clip is not None:
            shrink = (norm / self.clip).clamp_min(1.0)
            divisor = shrink if divisor is None else shrink * divisor
        if self._is_fused and isinstance(skips, Tensor):
            optimizer: Any = self.optimizer
            optimizer.grad_scale, optimizer.found_inf = divisor, skips.float()
            optimizer.step()
            del optimizer.grad_scale, optimizer.found_inf
        elif not skips:
            if divisor is not None:
                torch._foreach_div_(grads, divisor)
            self.optimizer.step()

    def _rescale(self, norm: Tensor) -> None:
        """Halve the loss scale after an overflow, double it after many good steps."""
        before, is_over = self._scale, ~norm.isfinite()
        growth = torch.where(is_over, 0.0, self._growth + 1)
        is_due = growth >= GROWTH_STEPS
        grown = torch.where(is_due, 2.0 * before, before)
        self._scale = torch.where(is_over, 0.5 * before, grown)
        self._growth = torch.where(is_due, 0.0, growth)
        self.replica.exchange.rescale(self._scale / before)

    def state_dict(self) -> dict[str, float]:
        return {"scale": self._scale.item(), "growth": self._growth.item()}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        self._scale.fill_(state["scale"])
        self._growth.fill_(state["growth"])
