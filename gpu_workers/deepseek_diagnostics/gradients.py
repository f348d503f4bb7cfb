"""Saliency from inside, by Captum: needs the weights, and loads torch.

Kokhlikyan et al., "Captum: A unified and generic model interpretability library for
PyTorch", 2020.
"""

from collections.abc import Callable

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam
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
        encoder = self._model.encoder
        # What makes the three maps that the heads read.
        makers = (encoder.down[1], encoder.up[0], encoder.up[1])
        level = _level(aim.cell, image.shape[2], image.shape[3])
        cam = LayerGradCam(self._score_of(aim), makers[level])
        heat = cam.attribute(image, relu_attributions=True)
        size = (image.shape[2], image.shape[3])
        large = LayerAttribution.interpolate(heat, size, "bilinear")
        return coarse(large[0, 0].detach().numpy().astype(np.float64))

    def _integrated(self, image: Tensor, aim: Aim) -> Floats:
        ways = IntegratedGradients(self._score_of(aim))
        change = ways.attribute(
            image,
            baselines=float(GREY),
            n_steps=STEPS,
            method="riemann_middle",
            internal_batch_size=1,
        )
        return coarse(change.abs().sum(dim=1)[0].detach().numpy().astype(np.float64))

    def _score_of(self, aim: Aim) -> Callable[[Tensor], Tensor]:
        """The score of the aim's class at its cell, for each picture."""

        def score(images_B3HW: Tensor) -> Tensor:
            answer = self._model(images_B3HW, self._prompts)
            return torch.sigmoid(answer.logits_BAP[:, aim.cell, aim.label])

        return score


def _level(cell: int, height: int, width: int) -> int:
    """Which of the three maps a cell belongs to."""
    end = 0
    for number, stride in enumerate(STRIDES):
        end += (height // stride) * (width // stride)
        if cell < end:
            return number
    return len(STRIDES) - 1
