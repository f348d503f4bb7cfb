"""The semantic segmenter: the trunk's first stages, and a way up to every pixel.

It ends at stride 16 on purpose: what is sought is small and told by its surface, not by
the scene, and each answer depends on what lies near alone, so that a large picture can
be answered in tiles. Letters: B pictures, C channels, H W rows and columns.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deepseek_vision.errors import ModelFormatError
from deepseek_vision.hub import TORCH_FILE, find_model, read_tensors
from deepseek_vision.model.backbone import Backbone, BackboneSize
from deepseek_vision.model.layers import ConvNorm, up_twice

SIDES_MULTIPLE = 16
_NUM_STAGES = 5  # of the backbone's six
_TAPS = (0, 1, 2)  # stages whose maps go across, at strides 2, 4, 8
_TAP_CHANNELS = (16, 24, 40)
_DEEP_CHANNELS = 112


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmenterSize:
    """Channels on the way up, at strides 16, 8, 4, 2 and 1."""

    widths: tuple[int, ...] = (64, 48, 32, 24, 16)
    num_stem: int = 12

    def as_options(self) -> dict[str, Any]:
        return {**asdict(self), "widths": list(self.widths)}


class Rise(nn.Module):
    """One level up: what comes from below joins what the trunk saw there."""

    def __init__(self, num_below: int, num_beside: int, num_out: int) -> None:
        super().__init__()
        self.enter = ConvNorm(num_below + num_beside, num_out, kernel=3)
        self.polish = ConvNorm(num_out, num_out, kernel=3)

    def forward(self, below: Tensor, beside: Tensor) -> Tensor:
        x: Tensor = self.enter(torch.cat([up_twice(below), beside], dim=1))
        out: Tensor = x + self.polish(x)
        return out


class SemanticSegmenter(nn.Module):
    """Takes `images_B3HW`, 0 to 255, sides a multiple of 16; gives logits B C H W.

    Output 0 is the background, output n the n-th class.
    """

    def __init__(self, num_classes: int, size: SegmenterSize) -> None:
        super().__init__()
        trunk = Backbone(BackboneSize())
        self.stem, self.stages = trunk.stem, trunk.stages[:_NUM_STAGES]
        self.skin = ConvNorm(3, size.num_stem, kernel=3)
        self.floor = ConvNorm(_DEEP_CHANNELS, size.widths[0], kernel=3)
        beside = (*reversed(_TAP_CHANNELS), size.num_stem)
        self.rises = nn.ModuleList(
            Rise(below, across, out)
            for below, across, out in zip(
                size.widths[:-1], beside, size.widths[1:], strict=True
            )
        )
        self.answer = nn.Conv2d(size.widths[-1], num_classes + 1, 1)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        pixels = (images_B3HW - 127) / 128
        x = self.stem(pixels)
        across = [self.skin(pixels)]
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in _TAPS:
                across.append(x)
        x = self.floor(x)
        for rise, beside in zip(self.rises, reversed(across), strict=True):
            x = rise(x, beside)
        logits: Tensor = self.answer(x)
        return logits


def build_segmenter(
    num_classes: int, options: dict[str, Any] | None = None
) -> SemanticSegmenter:
    """Build the segmenter; `options` replace fields of its size.

    Raises:
        ModelFormatError: for options that do not exist or do not fit.
    """
    given = dict(options or {})
    try:
        if "widths" in given:
            given["widths"] = tuple(int(n) for n in given["widths"])
        return SemanticSegmenter(num_classes, SegmenterSize(**given))
    except (TypeError, ValueError) as error:
        raise ModelFormatError(
            f"options of the segmenter do not fit ({error})"
        ) from None


def start_from_detector(model: SemanticSegmenter, name: str) -> None:
    """Take the first stages from a detector's trunk.

    Raises:
        VisionError: there is no such model, or it has another trunk.
    """
    path = find_model(name).path / TORCH_FILE
    given = {
        key.removeprefix("backbone."): torch.from_numpy(value).float()
        for key, value in read_tensors(path).items()
    }
    own = model.state_dict()
    for key, value in own.items():
        if not key.startswith(("stem.", "stages.")) or not value.is_floating_point():
            continue
        if key not in given or given[key].shape != value.shape:
            raise ModelFormatError(
                f"{path}: has another trunk ({key} does not fit); "
                "start from a detector of size small"
            )
        value.copy_(given[key])
