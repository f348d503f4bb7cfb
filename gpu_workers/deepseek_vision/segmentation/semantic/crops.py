"""Training crops of class maps, as tensor work on the device."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_vision.images import FILL
from deepseek_vision.segmentation.semantic.packing import NOWHERE, SemanticSet

NO_CLASS = -1  # not learned from


def draw_crops(
    packed: SemanticSet, count: int, *, side: int, scale: float
) -> tuple[Tensor, Tensor]:
    """Turned, mirrored, scaled crops: images 0..255 B 3 S S, class numbers B S S.

    `scale` is the largest factor; scales lie between its inverse and it.
    """
    device = packed.images_N3HW.device
    rows = torch.randint(len(packed), (count,), device=device)
    height, width = packed.images_N3HW.shape[-2:]
    canvas = torch.tensor([width, height], dtype=torch.float32, device=device)
    sizes = packed.sizes_N2[rows].float()
    drawn = torch.rand(count, 1, device=device) * 2 - 1
    half = side / 2 * (drawn * math.log(scale)).exp()
    # A crop lies inside where it fits, else its middle is the picture's.
    low = torch.minimum(half, sizes / 2)
    centre = low + (sizes - 2 * low) * torch.rand(count, 2, device=device)
    linear = _turns(count, device) * half[:, :, None]
    theta = torch.cat([linear, centre[:, :, None]], dim=2) * (2 / canvas)[:, None]
    theta[:, :, 2] -= 1
    grid = F.affine_grid(theta, [count, 3, side, side], align_corners=False)
    images = packed.images_N3HW[rows].float() - FILL
    images = F.grid_sample(images, grid, align_corners=False) + FILL
    # One up, so that what lies outside the canvas, 0 there, is nowhere too.
    numbers = packed.classes_NHW[rows]
    numbers = torch.where(numbers == NOWHERE, 0, numbers + 1)[:, None].float()
    numbers = F.grid_sample(numbers, grid, mode="nearest", align_corners=False)
    return images, numbers[:, 0].round().long() - 1


def _turns(count: int, device: torch.device) -> Tensor:
    """Rotations by any angle, half of them mirrored, B 2 2."""
    angle = torch.rand(count, device=device) * 2 * math.pi
    flip = torch.where(torch.rand(count, device=device) < 0.5, -1.0, 1.0)
    cos, sin = angle.cos(), angle.sin()
    first = torch.stack([cos * flip, -sin], dim=-1)
    second = torch.stack([sin * flip, cos], dim=-1)
    return torch.stack([first, second], dim=1)


def relight(images_B3SS: Tensor, *, strength: float) -> Tensor:
    """Other light, contrast, gamma, tint, focus and noise; within 0..255."""
    count, device = len(images_B3SS), images_B3SS.device

    def around(spread: float, channels: int = 1) -> Tensor:
        drawn = torch.rand(count, channels, 1, 1, device=device) * 2 - 1
        return drawn * spread * strength

    def chance(share: float) -> Tensor:
        return (torch.rand(count, 1, 1, 1, device=device) < share).float()

    x = images_B3SS / 255
    x = x.clamp(1e-3, 1) ** around(0.5).exp()
    mean = x.mean(dim=(2, 3), keepdim=True)
    x = (x - mean) * around(0.4).exp() * around(0.15, 3).exp() + mean
    x = x + around(0.12) + around(0.04, 3)
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
    x = torch.lerp(x, soft, chance(0.3) * torch.rand_like(mean[:, :1]))
    noise = chance(0.3) * torch.rand_like(mean[:, :1]) * 0.06 * strength
    return (x + torch.randn_like(x) * noise).clamp(0, 1) * 255
