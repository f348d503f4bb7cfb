"""The semantic segmenter as an ONNX file: bytes in, logits out."""

import copy
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from deepseek_vision.export import OPSET
from deepseek_vision.model.layers import fold_norms
from deepseek_vision.segmentation.halves import store_in_half
from deepseek_vision.segmentation.semantic.network import SIDES_MULTIPLE


class BytesGraph(nn.Module):
    """Takes pixels B H W 3 as they lie in memory."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels_BHW3: Tensor) -> Tensor:
        logits: Tensor = self.model(pixels_BHW3.permute(0, 3, 1, 2).float())
        return logits


def export_segmenter(model: nn.Module, path: Path) -> None:
    """Write `path`; `model` is left as it was."""
    folded = copy.deepcopy(model).cpu().float().eval()
    fold_norms(folded)
    side = 4 * SIDES_MULTIPLE
    pixels = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    sides = {1: "height", 2: "width"}
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # The graph-tracing exporter would need another dependency and gives the same.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            BytesGraph(folded),
            (pixels,),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=["pixels"],
            output_names=["logits"],
            dynamic_axes={"pixels": sides, "logits": {2: "height", 3: "width"}},
        )
    store_in_half(path)
