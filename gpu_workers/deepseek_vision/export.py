"""A torch detector as ONNX: norms folded, any picture size and number of prompts."""

import copy
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from deepseek_vision.model.detector import TEXT_DIMENSIONS, Detector
from deepseek_vision.model.layers import fold_norms

OPSET = 17


class ServingGraph(nn.Module):
    """Bytes in, the three served outputs out; see `runtime` for their meaning."""

    def __init__(self, model: Detector) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, pixels_BHW3: Tensor, prompts_PD: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        images = pixels_BHW3.permute(0, 3, 1, 2).float()
        answers = self.model(images, prompts_PD)
        return answers.logits_BAP, answers.distances_BA4, answers.complexity_B


class NmsFreeGraph(ServingGraph):
    """The same from the one-to-one answers, which need no suppression."""

    def forward(
        self, pixels_BHW3: Tensor, prompts_PD: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        images = pixels_BHW3.permute(0, 3, 1, 2).float()
        answers = self.model(images, prompts_PD)
        return answers.one_logits_BAP, answers.one_distances_BA4, answers.complexity_B


def export_onnx(model: Detector, path: Path, *, is_nms_free: bool = False) -> None:
    """Write the serving graph of `model`, which is left as it was."""
    folded = copy.deepcopy(model).cpu().eval()
    fold_norms(folded)
    graph = (NmsFreeGraph if is_nms_free else ServingGraph)(folded)
    pixels = torch.zeros(1, 320, 320, 3, dtype=torch.uint8)
    prompts = torch.zeros(2, TEXT_DIMENSIONS)
    cells = {0: "batch", 1: "cells"}
    with warnings.catch_warnings():
        # The graph-tracing exporter would need another dependency and gives the same.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            (pixels, prompts),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=["pixels", "prompts"],
            output_names=["logits", "distances", "complexity"],
            dynamic_axes={
                "pixels": {0: "batch", 1: "height", 2: "width"},
                "prompts": {0: "num_prompts"},
                "logits": {**cells, 2: "num_prompts"},
                "distances": cells,
                "complexity": {0: "batch"},
            },
        )
