"""A slow copy of the weights, which generalises better than the last ones."""

import copy
import math

import torch
from torch import Tensor

from deepseek_vision.model.detector import Detector


class SlowCopy:
    """Exponential moving average with a decay that grows from 0 in the first steps."""

    def __init__(
        self, model: Detector, *, decay: float = 0.9998, ramp: int = 2000
    ) -> None:
        self.model = copy.deepcopy(model).eval()
        self.model.requires_grad_(requires_grad=False)
        self.decay, self.ramp = decay, ramp
        self.num_updates = 0

    @torch.no_grad()
    def update(self, model: Detector) -> None:
        self.num_updates += 1
        decay = self.decay * (1 - math.exp(-self.num_updates / self.ramp))
        # One fused call for all tensors: a call each would cost more than the step.
        torch._foreach_lerp_(_numbers(self.model), _numbers(model), 1 - decay)


def _numbers(model: Detector) -> list[Tensor]:
    tensors = [*model.parameters(), *model.buffers()]
    return [value for value in tensors if value.is_floating_point()]
