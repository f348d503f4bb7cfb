"""Per level: a class answer by likeness to text, and box sides as direct distances.

Class logits are scaled dot products of picture vectors with projected text vectors
(contrastive head, YOLO-World: Cheng et al., 2024). The text also makes a spatial map
that turns the features up where any prompt is likely.
"""

import math

import torch
from torch import Tensor, nn

from deepseek_vision.model.layers import ConvNorm

_PRIOR = 0.01  # share of cells that start out believing in an object


class TextProjection(nn.Module):
    """Sentence vectors P D to the common space P E; gives unit length."""

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(num_in, num_out)

    def forward(self, prompts_PD: Tensor) -> Tensor:
        return nn.functional.normalize(self.linear(prompts_PD), dim=-1)


class TextMap(nn.Module):
    """x (1 + a), a in [0, 1] high where the nearest prompt is near."""

    def __init__(self, width: int, num_shared: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(width, num_shared, 1)
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.bias = nn.Parameter(torch.tensor(-2.0))

    def forward(self, x: Tensor, text_PE: Tensor) -> Tensor:
        seen = self.look(x).permute(0, 2, 3, 1)
        nearest = (seen @ text_PE.t()).amax(dim=-1)[:, None]
        return x * (1 + torch.sigmoid(nearest * self.scale + self.bias))


class Answer(nn.Module):
    """One assignment's last layers at one level."""

    def __init__(
        self, class_width: int, box_width: int, num_shared: int, *, stride: int
    ) -> None:
        super().__init__()
        self.look = nn.Conv2d(class_width, num_shared, 1)
        self.sides = nn.Conv2d(box_width, 4, 1)
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.bias = nn.Parameter(torch.tensor(-math.log((1 - _PRIOR) / _PRIOR)))
        self.stride = stride
        nn.init.normal_(self.sides.weight, std=0.01)
        if self.sides.bias is not None:
            nn.init.constant_(self.sides.bias, 1.0)

    def forward(
        self, for_class: Tensor, for_box: Tensor, text_PE: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gives logits B A P and distances B A 4 in pixels."""
        seen = self.look(for_class).flatten(2).transpose(1, 2)
        logits = (seen @ text_PE.t()) * self.scale + self.bias
        sides = self.sides(for_box).flatten(2).transpose(1, 2)
        return logits, nn.functional.softplus(sides) * (2.0 * self.stride)


class LevelHead(nn.Module):
    def __init__(
        self, width: int, num_shared: int, *, stride: int, has_text_map: bool
    ) -> None:
        super().__init__()
        self.text_map = TextMap(width, num_shared) if has_text_map else None
        self.for_class = nn.Sequential(
            ConvNorm(width, width, kernel=5, groups=width), ConvNorm(width, width)
        )
        self.for_box = ConvNorm(width, width // 2, kernel=3)
        self.many = Answer(width, width // 2, num_shared, stride=stride)
        self.one = Answer(width, width // 2, num_shared, stride=stride)

    def forward(
        self, x: Tensor, text_PE: Tensor
    ) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        if self.text_map is not None:
            x = self.text_map(x, text_PE)
        for_class, for_box = self.for_class(x), self.for_box(x)
        many = self.many(for_class, for_box, text_PE)
        # The one-to-one answer learns from, and does not bend, the shared features.
        one = self.one(for_class.detach(), for_box.detach(), text_PE.detach())
        return many, one
