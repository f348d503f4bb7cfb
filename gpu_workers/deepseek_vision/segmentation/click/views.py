# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""Training pictures for clicks: windows on packed sets, as tensor work on the device.

A window is chosen around one object, from a little larger than it to the whole
picture, so that the model learns objects at every size it will be shown them.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_vision.images import FILL
from deepseek_vision.segmentation.packing import MaskSet


class View(NamedTuple):
    """Images in 0..255; object numbers by pixel; the chosen object's box, xyxy pixels.

    A weak view knows the box alone: its numbers are all 0.
    """

    images_B3SS: Tensor
    numbers_BSS: Tensor
    boxes_B4: Tensor


def draw_views(
    packed: MaskSet, count: int, *, side: int, turn_deg: float = 0.0
) -> View:
    """Random windows; boxes are right only where `turn_deg` is 0."""
    device = packed.images_N3SS.device
    rows = torch.randint(len(packed), (count,), device=device)
    boxes = packed.boxes_NM4[rows]
    has_area = ((boxes[..., 2:] - boxes[..., :2]).amin(dim=-1) > 2).float()
    chosen = torch.multinomial(has_area + 1e-6, 1)
    box = boxes.gather(1, chosen[..., None].expand(-1, -1, 4))[:, 0]
    sizes = packed.sizes_N2[rows]
    centre, half = _windows(box, sizes)
    theta, inverse = _maps(centre, half, turn_deg)
    canvas = packed.images_N3SS.shape[-1]
    # Window coordinates in [-1, 1] to the canvas's.
    scale = torch.tensor(2.0 / canvas, device=device)
    grid_theta = theta.clone()
    grid_theta[:, :, 2] = theta[:, :, 2] * scale - 1
    grid_theta[:, :, :2] = theta[:, :, :2] * scale
    grid = F.affine_grid(grid_theta, [count, 3, side, side], align_corners=False)
    images = packed.images_N3SS[rows].float() - FILL
    images = F.grid_sample(images, grid, align_corners=False) + FILL
    numbers = packed.numbers_NSS[rows][:, None].float()
    numbers = F.grid_sample(numbers, grid, mode="nearest", align_corners=False)
    return View(images, numbers[:, 0].round().long(), _move(box, inverse, side))


def _windows(box_B4: Tensor, sizes_B2: Tensor) -> tuple[Tensor, Tensor]:
    """Centres and half sides of square windows, in pixels."""
    count, device = len(box_B4), box_B4.device
    extent = (box_B4[:, 2:] - box_B4[:, :2]).amax(dim=1).clamp(min=12)
    whole = sizes_B2.amax(dim=1) * 1.1
    low, high = (extent * 1.2).log(), torch.maximum(whole, extent * 1.3).log()
    # Half of the windows come as close as in use, half show more, up to everything.
    share = torch.rand(count, device=device)
    side = (low + (high - low) * share).exp()
    close = extent * (1.2 + 0.9 * torch.rand(count, device=device))
    side = torch.where(torch.rand(count, device=device) < 0.5, side, close)
    middle = (box_B4[:, :2] + box_B4[:, 2:]) / 2
    slack = ((side - extent) / 2)[:, None]
    shift = (torch.rand(count, 2, device=device) * 2 - 1) * slack.clamp(max=1e4)
    centre = middle + shift
    # It stays inside the picture where it fits, else shows all of it that way.
    half = side[:, None] / 2
    low_end = torch.minimum(half, sizes_B2 / 2)
    high_end = torch.maximum(sizes_B2 - half, sizes_B2 / 2)
    return centre.clamp(low_end, high_end), half


def _maps(centre_B2: Tensor, half_B1: Tensor, turn_deg: float) -> tuple[Tensor, Tensor]:
    """Window coordinates in [-1, 1] to pixels, and back, each B 2 3."""
    count, device = len(centre_B2), centre_B2.device
    angle = (torch.rand(count, device=device) * 2 - 1) * math.radians(turn_deg)
    flip = torch.where(torch.rand(count, device=device) < 0.5, -1.0, 1.0)
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack(
        [torch.stack([cos * flip, -sin], -1), torch.stack([sin * flip, cos], -1)], 1
    )
    linear = turn * half_B1[:, :, None]
    theta = torch.cat([linear, centre_B2[:, :, None]], dim=2)
    back = torch.linalg.inv(linear)
    inverse = torch.cat([back, -back @ centre_B2[:, :, None]], dim=2)
    return theta, inverse


def _move(box_B4: Tensor, inverse_B23: Tensor, side: int) -> Tensor:
    corners = box_B4.reshape(-1, 2, 2).transpose(1, 2)  # B xy corner
    moved = inverse_B23[:, :, :2] @ corners + inverse_B23[:, :, 2:]
    pixels = (moved + 1) * side / 2
    ends = torch.cat([pixels.amin(dim=2), pixels.amax(dim=2)], dim=1)
    return ends.clamp(0, side)


def recolour(images_B3SS: Tensor) -> Tensor:
    """Other light, other colours, grey, inverted, blurred, noisy; within 0..255."""
    count, device = len(images_B3SS), images_B3SS.device

    def chance(share: float) -> Tensor:
        return (torch.rand(count, 1, 1, 1, device=device) < share).float()

    def between(low: float, high: float, channels: int = 1) -> Tensor:
        drawn = torch.rand(count, channels, 1, 1, device=device)
        return low + (high - low) * drawn

    x = images_B3SS
    grey = x.mean(dim=1, keepdim=True)
    x = torch.lerp(x, grey.expand_as(x), chance(0.5) * between(-0.6, 1.0).clamp(max=1))
    x = torch.lerp(x, grey.expand_as(x), chance(0.12))
    tint = 1 + chance(0.4) * (between(0.8, 1.2, 3) - 1)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = (x - mean) * between(0.6, 1.4) * tint + mean + between(-35, 35)
    x = torch.lerp(x, 255 - x, chance(0.08))
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
    x = torch.lerp(x, soft, chance(0.25))
    x = x + torch.randn_like(x) * (chance(0.3) * between(0, 14))
    return x.clamp(0, 255)


def paste_objects(view: View, *, share: float) -> View:
    """Paste one object of each picture onto another (Ghiasi et al., 2021)."""
    count = len(view.numbers_BSS)
    order = torch.randperm(count, device=view.numbers_BSS.device)
    donor_numbers = view.numbers_BSS[order]
    chosen = choose_objects(donor_numbers, 1)[:, 0]
    mask = (donor_numbers == chosen[:, None, None]) & (chosen > 0)[:, None, None]
    is_pasted = torch.rand(count, device=mask.device) < share
    mask = mask & is_pasted[:, None, None]
    images = torch.where(mask[:, None], view.images_B3SS[order], view.images_B3SS)
    numbers = torch.where(mask, MAX_OBJECTS - 1, view.numbers_BSS)
    return View(images, numbers, view.boxes_B4)


MAX_OBJECTS = 1024  # numbers of one picture, the pasted one the last
LEAST_SHARE = 0.0006  # of the picture; smaller objects are no target


def choose_objects(numbers_BSS: Tensor, num: int) -> Tensor:
    """Numbers B K of random visible objects, each as likely; 0 where there is none."""
    flat = numbers_BSS.flatten(1)
    ones = torch.ones_like(flat, dtype=torch.float32)
    area = torch.zeros(len(flat), MAX_OBJECTS, device=flat.device)
    area.scatter_add_(1, flat, ones)
    is_fit = (area >= LEAST_SHARE * flat.shape[1]).float()
    is_fit[:, 0] = 1e-6
    return torch.multinomial(is_fit, num, replacement=True)
