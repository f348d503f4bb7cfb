# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""The whole detector, and the one builder from a size's name."""

from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from deepseek_vision.errors import ModelFormatError
from deepseek_vision.model.backbone import Backbone, BackboneSize
from deepseek_vision.model.encoder import HybridEncoder
from deepseek_vision.model.heads import LevelHead, TextProjection

STRIDES = (8, 16, 32)
TEXT_DIMENSIONS = 384


class Answers(NamedTuple):
    """Logits B A P; distances B A 4 in pixels to left, top, right, bottom."""

    logits_BAP: Tensor
    distances_BA4: Tensor
    one_logits_BAP: Tensor
    one_distances_BA4: Tensor
    complexity_B: Tensor
    pyramid: tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Everything that fixes the shape of the weights; the switches serve ablations."""

    backbone: BackboneSize
    width: int
    num_shared: int = 64
    max_steps: int = 2
    has_attention: bool = True
    has_dynamic_reach: bool = True
    has_text_map: bool = True

    def as_options(self) -> dict[str, object]:
        options = asdict(self)
        del options["backbone"]
        return options


SIZES: dict[str, Architecture] = {
    "nano": Architecture(
        backbone=BackboneSize(width=0.5, depth=0.5, stem=16), width=64, num_shared=48
    ),
    "small": Architecture(backbone=BackboneSize(), width=96),
    "medium": Architecture(backbone=BackboneSize(width=1.1, depth=1.2), width=128),
}


class Detector(nn.Module):
    """Takes `images_B3HW` with values 0 to 255, sides a multiple of 32."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.backbone = Backbone(architecture.backbone)
        self.encoder = HybridEncoder(
            self.backbone.channels,
            width=architecture.width,
            max_steps=architecture.max_steps,
            has_attention=architecture.has_attention,
            has_dynamic_reach=architecture.has_dynamic_reach,
        )
        self.text = TextProjection(TEXT_DIMENSIONS, architecture.num_shared)
        self.heads = nn.ModuleList(
            LevelHead(
                architecture.width,
                architecture.num_shared,
                stride=stride,
                has_text_map=architecture.has_text_map and stride < STRIDES[-1],
            )
            for stride in STRIDES
        )

    def forward(self, images_B3HW: Tensor, prompts_PD: Tensor) -> Answers:
        text = self.text(prompts_PD)
        pyramid, complexity = self.encoder(self.backbone((images_B3HW - 127) / 128))
        levels = [head(x, text) for head, x in zip(self.heads, pyramid, strict=True)]
        return Answers(
            logits_BAP=torch.cat([many[0] for many, _ in levels], dim=1),
            distances_BA4=torch.cat([many[1] for many, _ in levels], dim=1),
            one_logits_BAP=torch.cat([one[0] for _, one in levels], dim=1),
            one_distances_BA4=torch.cat([one[1] for _, one in levels], dim=1),
            complexity_B=complexity,
            pyramid=pyramid,
        )


def build_detector(size: str, options: dict[str, Any] | None = None) -> Detector:
    """The detector of a named size; `options` replace fields of its architecture.

    The option `hidden` is the backbone's, and what pruning changes.

    Raises:
        ModelFormatError: for a size or option that does not exist.
    """
    if size not in SIZES:
        raise ModelFormatError(f"no size {size!r}; there are: {', '.join(SIZES)}")
    changes = dict(options or {})
    hidden = changes.pop("hidden", None)
    try:
        architecture = replace(SIZES[size], **changes)
        if hidden is not None:
            backbone = replace(architecture.backbone, hidden=tuple(hidden))
            architecture = replace(architecture, backbone=backbone)
        return Detector(architecture)
    except TypeError as error:
        raise ModelFormatError(f"options of {size!r} do not fit ({error})") from None
