# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""The click segmenter: the detector's trunk encodes, a small head answers clicks.

A click reaches the whole object in one step because the head compares every cell with
what the prompts mark (`Likeness`), which costs a product, not a large kernel. That is
how a decoder of milliseconds sees further than its convolutions.

Letters: B pictures, K prompts, C channels, G groups, H W rows and columns.
"""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from deepseek_vision.errors import ModelFormatError
from deepseek_vision.model.backbone import Backbone, BackboneSize
from deepseek_vision.model.encoder import HybridEncoder
from deepseek_vision.model.layers import ConvNorm, up_twice

STRIDE = 4  # of the prompts' maps and the answer
SIDES_MULTIPLE = 32
# The maps of a prompt, in order.
PROMPT_MAPS = ("positive", "negative", "box", "previous")
_DETAIL_STAGE = 1  # of the backbone: stride 4
_DETAIL_CHANNELS = 24


class Embedding(NamedTuple):
    """What is kept of a picture: `coarse` at stride 8, `fine` at stride 4."""

    coarse_BCHW: Tensor
    fine_BCHW: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickArchitecture:
    """Everything that fixes the shape of the weights."""

    width: int = 96
    num_coarse: int = 64
    num_fine: int = 16
    num_groups: int = 8
    num_inner: int = 32
    num_deep: int = 64

    def as_options(self) -> dict[str, int]:
        return asdict(self)


class ClickEncoder(nn.Module):
    """Takes `images_B3HW` with values 0 to 255, sides a multiple of 32."""

    def __init__(self, size: ClickArchitecture) -> None:
        super().__init__()
        self.backbone = Backbone(BackboneSize())
        self.encoder = HybridEncoder(
            self.backbone.channels,
            width=size.width,
            max_steps=2,
            has_attention=True,
            has_dynamic_reach=True,
        )
        self.coarse = ConvNorm(2 * size.width, size.num_coarse, is_active=False)
        self.fine = ConvNorm(_DETAIL_CHANNELS, size.num_fine, is_active=False)
        self.lift = ConvNorm(size.num_coarse, size.num_fine, is_active=False)
        self.blend = ConvNorm(size.num_fine, size.num_fine, kernel=3)

    def forward(self, images_B3HW: Tensor) -> Embedding:
        x = self.backbone.stem((images_B3HW - 127) / 128)
        taps = []
        for index, stage in enumerate(self.backbone.stages):
            x = stage(x)
            if index in {_DETAIL_STAGE, 2, 4, 5}:
                taps.append(x)
        detail, c3, c4, c5 = taps
        (p3, p4, _), _ = self.encoder((c3, c4, c5))
        coarse = self.coarse(torch.cat([p3, up_twice(p4)], dim=1))
        fine = self.blend(self.fine(detail) + up_twice(self.lift(coarse)))
        return Embedding(coarse, fine)


class Likeness(nn.Module):
    """How much each cell is like the cells that a prompt marks, by groups of channels.

    For each of the prompt's maps the marked cells' mean feature is the question, and
    the cosine with it, group by group, the answer: G maps for each prompt map.
    """

    def __init__(self, num_channels: int, *, num_groups: int) -> None:
        super().__init__()
        self.num_groups = num_groups
        self.features = nn.Conv2d(num_channels, num_channels, 1)

    def forward(self, coarse_KCHW: Tensor, marks_KMHW: Tensor) -> Tensor:
        batch, _, rows, columns = marks_KMHW.shape
        keys = self.features(coarse_KCHW).reshape(
            batch, self.num_groups, -1, rows * columns
        )
        keys = keys * torch.rsqrt(keys.square().sum(dim=2, keepdim=True) + 1e-4)
        marks = marks_KMHW.flatten(2)
        shares = marks / (marks.sum(dim=2, keepdim=True) + 1e-4)
        # K G C/G HW times K 1 HW M: the question of each map, in each group.
        questions = keys @ shares.transpose(1, 2).unsqueeze(1)
        answers: Tensor = questions.transpose(2, 3) @ keys
        return answers.reshape(batch, -1, rows, columns)


class ClickDecoder(nn.Module):
    """Gives logits_K1HW at stride 4 for prompts_KMHW at stride 4."""

    def __init__(self, size: ClickArchitecture) -> None:
        super().__init__()
        num_maps, inner, deep = len(PROMPT_MAPS), size.num_inner, size.num_deep
        self.likeness = Likeness(size.num_coarse, num_groups=size.num_groups)
        num_in = size.num_coarse + num_maps * (size.num_groups + 1)
        self.enter = ConvNorm(num_in, inner)
        self.near = ConvNorm(inner, inner, kernel=3)
        self.shrink = ConvNorm(inner, deep, kernel=3, stride=2)
        self.deep = nn.ModuleList(
            ConvNorm(deep, deep, kernel=3, dilation=d) for d in (1, 2)
        )
        self.scene = nn.Linear(deep, deep)
        self.leave = ConvNorm(deep, inner, is_active=False)
        self.join = ConvNorm(inner, inner, kernel=3)
        self.lift = ConvNorm(inner, size.num_fine)
        self.sharpen = ConvNorm(2 * size.num_fine + num_maps, size.num_fine, kernel=3)
        self.polish = ConvNorm(size.num_fine, size.num_fine, kernel=3)
        self.answer = nn.Conv2d(size.num_fine, 1, 1)

    def forward(
        self, coarse_KCHW: Tensor, fine_KCHW: Tensor, prompts_KMHW: Tensor
    ) -> Tensor:
        marks = nn.functional.max_pool2d(prompts_KMHW, 2)
        alike = self.likeness(coarse_KCHW, marks)
        x = self.enter(torch.cat([coarse_KCHW, alike, marks], dim=1))
        x = x + self.near(x)
        y = self.shrink(x)
        for layer in self.deep:
            y = y + layer(y)
        y = y + self.scene(y.mean(dim=(2, 3)))[:, :, None, None]
        x = self.join(x + up_twice(self.leave(y)))
        x = up_twice(self.lift(x))
        x = self.sharpen(torch.cat([x, fine_KCHW, prompts_KMHW], dim=1))
        x = x + self.polish(x)
        logits: Tensor = self.answer(x)
        return logits


class ClickSegmenter(nn.Module):
    def __init__(self, architecture: ClickArchitecture) -> None:
        super().__init__()
        self.encoder = ClickEncoder(architecture)
        self.decoder = ClickDecoder(architecture)


def build_click_segmenter(options: dict[str, Any] | None = None) -> ClickSegmenter:
    """Build the segmenter; `options` replace fields of its architecture.

    Raises:
        ModelFormatError: for an option that does not exist.
    """
    try:
        return ClickSegmenter(ClickArchitecture(**(options or {})))
    except TypeError as error:
        raise ModelFormatError(
            f"options of the click segmenter do not fit ({error})"
        ) from None
