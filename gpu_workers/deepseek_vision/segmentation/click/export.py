"""The click segmenter as two ONNX files with half-precision weights.

The weights are stored in 16 bits, which halves the files; the runtime widens them
once when it loads, and computes in 32 bits.
"""

import copy
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from deepseek_vision.export import OPSET
from deepseek_vision.model.layers import fold_norms
from deepseek_vision.segmentation.click.network import (
    PROMPT_MAPS,
    STRIDE,
    ClickEncoder,
    ClickSegmenter,
)
from deepseek_vision.segmentation.halves import store_in_half


class EncoderGraph(nn.Module):
    """Bytes in, both maps out."""

    def __init__(self, encoder: ClickEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels_BHW3: Tensor) -> tuple[Tensor, Tensor]:
        coarse, fine = self.encoder(pixels_BHW3.permute(0, 3, 1, 2).float())
        return coarse, fine


def export_click_segmenter(model: ClickSegmenter, folder: Path) -> None:
    """Write `encoder.onnx` and `decoder.onnx`; `model` is left as it was."""
    folded = copy.deepcopy(model).cpu().float().eval()
    fold_norms(folded)
    folder.mkdir(parents=True, exist_ok=True)
    side = 128
    pixels = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    with torch.no_grad():
        coarse, fine = EncoderGraph(folded.encoder)(pixels)
    prompts = torch.zeros(1, len(PROMPT_MAPS), side // STRIDE, side // STRIDE)
    encoder, decoder = folder / "encoder.onnx", folder / "decoder.onnx"
    with warnings.catch_warnings():
        # The graph-tracing exporter would need another dependency and gives the same.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            EncoderGraph(folded.encoder),
            (pixels,),
            encoder,
            dynamo=False,
            opset_version=OPSET,
            input_names=["pixels"],
            output_names=["coarse", "fine"],
            dynamic_axes={
                "pixels": {1: "height", 2: "width"},
                "coarse": {2: "coarse_height", 3: "coarse_width"},
                "fine": {2: "fine_height", 3: "fine_width"},
            },
        )
        sides = {2: "fine_height", 3: "fine_width"}
        torch.onnx.export(
            folded.decoder,
            (coarse, fine, prompts),
            decoder,
            dynamo=False,
            opset_version=OPSET,
            input_names=["coarse", "fine", "prompts"],
            output_names=["logits"],
            dynamic_axes={
                "coarse": {2: "coarse_height", 3: "coarse_width"},
                "fine": sides,
                "prompts": sides,
                "logits": sides,
            },
        )
    for path in (encoder, decoder):
        store_in_half(path)
