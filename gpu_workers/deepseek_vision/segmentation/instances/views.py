# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""Training pictures with all their objects: scaled, shifted, mirrored, on the device."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_vision.images import FILL
from deepseek_vision.segmentation.packing import MaskSet

_LEAST_PX = 3.0
_LEAST_VISIBLE = 0.3  # of the box


class Scene(NamedTuple):
    """Images in 0..255; boxes xyxy pixels; labels, -1 where there is no object.

    A pixel of object n shows n + 1 in `numbers`.
    """

    images_B3SS: Tensor
    numbers_BSS: Tensor
    boxes_BM4: Tensor
    labels_BM: Tensor


def draw_scenes(
    packed: MaskSet, rows_B: Tensor, *, side: int, scale: float, any_way_up: bool
) -> Scene:
    """Look at pictures `rows_B` through windows from 1/`scale` to `scale` their size.

    With `any_way_up` mirrored top to bottom and turned by a quarter as well.
    """
    device, count = packed.images_N3SS.device, len(rows_B)
    sizes = packed.sizes_N2[rows_B]
    drawn = torch.rand(count, 1, device=device) * 2 - 1
    half = sizes.amax(dim=1, keepdim=True) / 2 * (drawn * math.log(scale)).exp()
    low, high = torch.minimum(half, sizes / 2), torch.maximum(sizes - half, sizes / 2)
    centre = low + (high - low) * torch.rand(count, 2, device=device)
    turn = _turns(count, any_way_up=any_way_up, device=device)
    canvas = packed.images_N3SS.shape[-1]
    theta = torch.cat([turn * half[:, :, None], centre[:, :, None]], 2) * (2 / canvas)
    theta[:, :, 2] -= 1
    grid = F.affine_grid(theta, [count, 3, side, side], align_corners=False)
    images = packed.images_N3SS[rows_B].float() - FILL
    images = F.grid_sample(images, grid, align_corners=False) + FILL
    numbers = packed.numbers_NSS[rows_B][:, None].float()
    numbers = F.grid_sample(numbers, grid, mode="nearest", align_corners=False)
    boxes = packed.boxes_NM4[rows_B]
    moved = _moved(boxes, centre, half, turn, side)
    shown = moved.clamp(0, side)
    sides = shown[..., 2:] - shown[..., :2]
    whole = (moved[..., 2:] - moved[..., :2]).prod(dim=-1).clamp(min=1e-6)
    is_seen = (sides.amin(dim=-1) >= _LEAST_PX) & (
        sides.prod(dim=-1) >= _LEAST_VISIBLE * whole
    )
    labels = torch.where(is_seen, packed.labels_NM[rows_B], -1)
    return Scene(images, numbers[:, 0].round().long(), shown, labels)


def _turns(count: int, *, any_way_up: bool, device: torch.device) -> Tensor:
    """Mirrorings, and quarter turns where any side may be up, B 2 2."""

    def sign() -> Tensor:
        return torch.where(torch.rand(count, device=device) < 0.5, -1.0, 1.0)

    turn = torch.diag_embed(torch.stack([sign(), torch.ones_like(sign())], dim=1))
    if any_way_up:
        turn[:, 1, 1] = sign()
        is_quarter = torch.rand(count, device=device) < 0.5
        turn = torch.where(is_quarter[:, None, None], turn.flip(1), turn)
    return turn


def _moved(
    boxes_BM4: Tensor, centre_B2: Tensor, half_B1: Tensor, turn_B22: Tensor, side: int
) -> Tensor:
    corners = boxes_BM4.unflatten(-1, (2, 2)) - centre_B2[:, None, None]
    # The turn is orthogonal, so its transpose leads back.
    seen = corners @ turn_B22[:, None] / half_B1[:, :, None, None]
    pixels = (seen + 1) * side / 2
    return torch.cat([pixels.amin(dim=2), pixels.amax(dim=2)], dim=-1)
