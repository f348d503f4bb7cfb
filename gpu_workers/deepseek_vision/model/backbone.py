"""EfficientNet-Lite (Tan and Le, 2019; Lite variants, 2020) up to stride 32.

Its last stage (320 channels) is left out: it costs a fifth of the parameters and the
transformer that follows does its work.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

from torch import Tensor, nn

from deepseek_vision.errors import ModelFormatError
from deepseek_vision.model.layers import ConvNorm

# expansion, kernel, stride, channels, repeats
_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
)
_TAPS = (2, 4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneSize:
    """`hidden` are the inner widths of all blocks in order; None: as published."""

    width: float = 1.0
    depth: float = 1.0
    stem: int = 32
    hidden: tuple[int, ...] | None = None


def _round_channels(num: float) -> int:
    rounded = max(8, int(num + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * num else rounded


class InvertedResidual(nn.Module):
    def __init__(
        self, num_in: int, num_out: int, *, hidden: int, kernel: int, stride: int
    ) -> None:
        super().__init__()
        is_plain = hidden == num_in
        parts: list[nn.Module] = [] if is_plain else [ConvNorm(num_in, hidden)]
        parts += [
            ConvNorm(hidden, hidden, kernel=kernel, stride=stride, groups=hidden),
            ConvNorm(hidden, num_out, is_active=False),
        ]
        self.body = nn.Sequential(*parts)
        self.is_residual = stride == 1 and num_in == num_out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y if self.is_residual else y


class Backbone(nn.Module):
    """Gives features at strides 8, 16 and 32; `channels` tells their widths."""

    def __init__(self, size: BackboneSize) -> None:
        super().__init__()
        self.stem = ConvNorm(3, size.stem, kernel=3, stride=2)
        self.stages = nn.ModuleList()
        channels = []
        widths = iter(size.hidden or ())
        num_in = size.stem
        for index, (expand, kernel, stride, base, repeats) in enumerate(_STAGES):
            num_out = _round_channels(base * size.width)
            # The first stage keeps its depth at every size, as published.
            count = repeats if index == 0 else math.ceil(repeats * size.depth)
            blocks = nn.Sequential()
            for block in range(count):
                blocks.append(
                    InvertedResidual(
                        num_in,
                        num_out,
                        hidden=next(widths, num_in * expand),
                        kernel=kernel,
                        stride=stride if block == 0 else 1,
                    )
                )
                num_in = num_out
            self.stages.append(blocks)
            if index in _TAPS:
                channels.append(num_out)
        self.channels = tuple(channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.stem(x)
        taps = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in _TAPS:
                taps.append(x)
        return taps[0], taps[1], taps[2]


def load_imagenet(backbone: Backbone, weights: dict[str, Tensor]) -> None:
    """Copy published EfficientNet-Lite weights in; both list their layers in order.

    Raises:
        ModelFormatError: when the weights are of another size.
    """
    own = backbone.state_dict()
    names = [name for name in own if not name.endswith("num_batches_tracked")]
    given = [k for k in weights if not k.endswith("num_batches_tracked")][: len(names)]
    loaded: OrderedDict[str, Tensor] = OrderedDict()
    for name, key in zip(names, given, strict=True):
        if own[name].shape != weights[key].shape:
            raise ModelFormatError(
                f"ImageNet weights do not fit: {key} is {tuple(weights[key].shape)}, "
                f"{name} is {tuple(own[name].shape)}"
            )
        loaded[name] = weights[key]
    backbone.load_state_dict(loaded, strict=False)
