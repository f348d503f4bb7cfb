"""A slow copy of the weights, which generalises better than the last ones."""

import copy
import math

import torch

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
        slow, fast = self.model.state_dict(), model.state_dict()
        floats = [name for name in slow if slow[name].is_floating_point()]
        torch._foreach_lerp_(
            [slow[name] for name in floats], [fast[name] for name in floats], 1 - decay
        )
        for name in slow.keys() - set(floats):
            slow[name].copy_(fast[name])
