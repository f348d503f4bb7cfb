"""Saliency from inside: needs the weights, and loads torch."""

import numpy as np
import torch
from torch import Tensor

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.data import Floats
from deepseek_diagnostics.maps import GREY, Aim, coarse
from deepseek_vision.hub import find_model
from deepseek_vision.images import Pixels
from deepseek_vision.runtime import STRIDES
from deepseek_vision.training.run import restore

STEPS = 8


class WhiteBox:
    """The model in torch."""

    def __init__(self, case: Case) -> None:
        directory = find_model(case.spec.model)
        torch.set_num_threads(case.spec.num_threads)
        self._model, _config = restore(directory.path)
        for weight in self._model.parameters():
            weight.requires_grad = False
        self._prompts = torch.from_numpy(directory.read_prompts())

    def maps(self, pixels: Pixels, aim: Aim) -> dict[str, Floats]:
        """Grad-CAM and integrated gradients of the score of the aim's cell and class."""
        image = torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2).float()
        return {
            "Grad-CAM": self._cam(image, aim),
            "Integrated gradients": self._integrated(image, aim),
        }

    def _cam(self, image: Tensor, aim: Aim) -> Floats:
        image = image.clone()
        image.requires_grad = True
        answer = self._model(image, self._prompts)
        level = _level(aim.cell, image.shape[2], image.shape[3])
        features = answer.pyramid[level]
        score = answer.logits_BAP[0, aim.cell, aim.label]
        (slope,) = torch.autograd.grad(score, features)
        weights = slope.mean(dim=(2, 3), keepdim=True)
        heat = torch.relu((weights * features).sum(dim=1, keepdim=True))
        size = (image.shape[2], image.shape[3])
        large = torch.nn.functional.interpolate(heat, size=size, mode="bilinear")
        return coarse(large[0, 0].detach().numpy().astype(np.float64))

    def _integrated(self, image: Tensor, aim: Aim) -> Floats:
        base = torch.full_like(image, float(GREY))
        total = torch.zeros_like(image)
        for step in range(STEPS):
            share = (step + 0.5) / STEPS
            mixed = base + share * (image - base)
            mixed.requires_grad = True
            answer = self._model(mixed, self._prompts)
            score = torch.sigmoid(answer.logits_BAP[0, aim.cell, aim.label])
            (slope,) = torch.autograd.grad(score, mixed)
            total += slope / STEPS
        change = (total * (image - base)).abs().sum(dim=1)[0]
        return coarse(change.numpy().astype(np.float64))


def _level(cell: int, height: int, width: int) -> int:
    """Which of the three maps a cell belongs to."""
    end = 0
    for number, stride in enumerate(STRIDES):
        end += (height // stride) * (width // stride)
        if cell < end:
            return number
    return len(STRIDES) - 1
