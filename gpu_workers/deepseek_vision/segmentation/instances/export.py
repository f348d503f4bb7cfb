"""The instance segmenter as an ONNX file: bytes in, cells and features out."""

import copy
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from deepseek_vision.export import OPSET
from deepseek_vision.model.detector import TEXT_DIMENSIONS
from deepseek_vision.model.layers import fold_norms
from deepseek_vision.segmentation.halves import store_in_bytes, store_in_half
from deepseek_vision.segmentation.instances.network import InstanceSegmenter

OUTPUTS = ("logits", "distances", "kernels", "features")


class BytesGraph(nn.Module):
    """Takes pixels B H W 3 as they lie in memory."""

    def __init__(self, model: InstanceSegmenter) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels_BHW3: Tensor, prompts_PD: Tensor) -> tuple[Tensor, ...]:
        images = pixels_BHW3.permute(0, 3, 1, 2).float()
        return tuple(self.model(images, prompts_PD))


def export_instances(
    model: InstanceSegmenter, path: Path, *, is_small: bool = False
) -> None:
    """Write `path`, its weights in 16 bits, or in 8; `model` is left as it was."""
    folded = copy.deepcopy(model).cpu().float().eval()
    fold_norms(folded)
    pixels = torch.zeros(1, 128, 128, 3, dtype=torch.uint8)
    cells = {0: "batch", 1: "cells"}
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # The graph-tracing exporter would need another dependency and gives the same.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            BytesGraph(folded),
            (pixels, torch.zeros(2, TEXT_DIMENSIONS)),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=["pixels", "prompts"],
            output_names=list(OUTPUTS),
            dynamic_axes={
                "pixels": {0: "batch", 1: "height", 2: "width"},
                "prompts": {0: "num_prompts"},
                "logits": {**cells, 2: "num_prompts"},
                "distances": cells,
                "kernels": cells,
                "features": {0: "batch", 2: "rows", 3: "columns"},
            },
        )
    (store_in_bytes if is_small else store_in_half)(path)
