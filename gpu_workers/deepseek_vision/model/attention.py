"""Attention whose reach and number of steps follow the picture.

`TokenEncoder` is a pre-norm transformer layer (Vaswani et al., 2017) over the
stride-32 cells, applied up to `max_steps` times with shared weights. How much each
further step counts is a gate in [0, 1] read off the picture (in the spirit of
adaptive computation time, Graves, 2016). `DynamicReach` mixes three dilations by
weights read off the picture (selective kernels, Li et al., 2019).
"""

import torch
from torch import Tensor, nn

from deepseek_vision.model.layers import ConvNorm

SKIP_BELOW = 0.05  # a step whose gate is smaller changes nothing that matters


class SelfAttention(nn.Module):
    """Written out as products and a softmax, which every exporter understands."""

    def __init__(self, width: int, *, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.scale = (width // num_heads) ** -0.5
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x_BTC: Tensor) -> Tensor:
        batch, tokens, width = x_BTC.shape
        split = self.qkv(x_BTC).reshape(
            batch, tokens, 3, self.num_heads, width // self.num_heads
        )
        q, k, v = split.permute(2, 0, 3, 1, 4).unbind(0)
        weights = torch.softmax(q @ k.transpose(-2, -1) * self.scale, dim=-1)
        mixed = (weights @ v).transpose(1, 2).reshape(batch, tokens, width)
        out: Tensor = self.out(mixed)
        return out


class TokenEncoder(nn.Module):
    def __init__(self, width: int, *, num_heads: int = 8, max_steps: int = 2) -> None:
        super().__init__()
        self.max_steps = max_steps
        # Position comes from a convolution's zero border: any picture size works.
        self.position = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = SelfAttention(width, num_heads=num_heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )
        self.gate = nn.Linear(width, max_steps - 1) if max_steps > 1 else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the features, and complexity_B in [0, 1]: the mean step gate."""
        batch, width, rows, columns = x.shape
        x = x + self.position(x)
        tokens = x.flatten(2).transpose(1, 2)
        tokens = self._step(tokens, None)
        complexity = torch.zeros_like(tokens[:, 0, 0])
        if self.gate is not None:
            gates = torch.sigmoid(self.gate(tokens.mean(dim=1)))
            complexity = gates.mean(dim=1)
            for index in range(self.max_steps - 1):
                gate = gates[:, index, None, None]
                if self._may_skip() and not bool((gate >= SKIP_BELOW).any()):
                    break
                tokens = self._step(tokens, gate)
        grid = tokens.transpose(1, 2).reshape(batch, width, rows, columns)
        return grid, complexity

    def _may_skip(self) -> bool:
        return not (self.training or torch.onnx.is_in_onnx_export())

    def _step(self, x_BTC: Tensor, gate: Tensor | None) -> Tensor:
        change = self.attention(self.norm1(x_BTC))
        x_BTC = x_BTC + (change if gate is None else gate * change)
        change = self.mlp(self.norm2(x_BTC))
        out: Tensor = x_BTC + (change if gate is None else gate * change)
        return out


class DynamicReach(nn.Module):
    """Depthwise 3x3 at dilations 1, 2 and 3, mixed by weights from the whole picture."""

    DILATIONS = (1, 2, 3)

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            ConvNorm(width, width, kernel=3, groups=width, dilation=d, is_active=False)
            for d in self.DILATIONS
        )
        self.gate = nn.Linear(width, len(self.DILATIONS))
        nn.init.zeros_(self.gate.weight)
        nn.init.zeros_(self.gate.bias)
        self.mix = ConvNorm(width, width)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.softmax(self.gate(x.mean(dim=(2, 3))), dim=1)
        parts = [
            branch(x) * weights[:, index, None, None, None]
            for index, branch in enumerate(self.branches)
        ]
        mixed: Tensor = self.mix(parts[0] + parts[1] + parts[2])
        return x + mixed

    def mean_reach(self, x: Tensor) -> Tensor:
        """The expected dilation for each picture, in [1, 3]."""
        weights = torch.softmax(self.gate(x.mean(dim=(2, 3))), dim=1)
        reach = torch.tensor(self.DILATIONS, dtype=weights.dtype, device=x.device)
        return (weights * reach).sum(dim=1)
