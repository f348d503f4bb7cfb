"""From backbone features to a pyramid: transformer on top, then down and up again.

The pyramid is that of path aggregation (Liu et al., 2018) with dense 3x3 kernels at
half width: on a CPU those gain from 8 bits, depthwise ones do not.
"""

import torch
from torch import Tensor, nn

from deepseek_vision.model.attention import DynamicReach, TokenEncoder
from deepseek_vision.model.layers import ConvNorm, up_twice


class Fuse(nn.Module):
    """Two maps of `width` become one: half goes through 3x3 kernels, half around."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.enter = ConvNorm(2 * width, width)
        self.through = nn.Sequential(
            ConvNorm(half, half, kernel=3), ConvNorm(half, half, kernel=3)
        )
        self.leave = ConvNorm(width, width)
        self.num_inner = half

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        x = self.enter(torch.cat([a, b], dim=1))
        around, inner = x[:, : self.num_inner], x[:, self.num_inner :]
        joined = torch.cat([around, inner + self.through(inner)], dim=1)
        out: Tensor = self.leave(joined)
        return out


class HybridEncoder(nn.Module):
    def __init__(
        self,
        channels: tuple[int, ...],
        *,
        width: int,
        max_steps: int,
        has_attention: bool,
        has_dynamic_reach: bool,
    ) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(
            ConvNorm(c, width, is_active=False) for c in channels
        )
        self.tokens = (
            TokenEncoder(width, max_steps=max_steps) if has_attention else None
        )
        self.reach = nn.ModuleList(
            DynamicReach(width) if has_dynamic_reach else nn.Identity()
            for _ in range(2)
        )
        self.down = nn.ModuleList(Fuse(width) for _ in range(2))
        self.shrink = nn.ModuleList(
            ConvNorm(width, width, kernel=3, stride=2, groups=width) for _ in range(2)
        )
        self.up = nn.ModuleList(Fuse(width) for _ in range(2))

    def forward(
        self, features: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
        """Returns maps at strides 8, 16, 32, and complexity_B."""
        c3, c4, c5 = (layer(x) for layer, x in zip(self.lateral, features, strict=True))
        if self.tokens is None:
            complexity = torch.zeros_like(c5[:, 0, 0, 0])
        else:
            c5, complexity = self.tokens(c5)
        c4, c5 = self.reach[0](c4), self.reach[1](c5)
        p4 = self.down[0](c4, up_twice(c5))
        p3 = self.down[1](c3, up_twice(p4))
        n4 = self.up[0](self.shrink[0](p3), p4)
        n5 = self.up[1](self.shrink[1](n4), c5)
        return (p3, n4, n5), complexity
