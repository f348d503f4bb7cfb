"""Made-up scenes with exactly known masks: shapes of many kinds and surfaces.

They teach what photographs of everyday things do not: discs and cells that touch,
traces and pads of boards, thin lines, holes, defects on a surface.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_vision.segmentation.click.views import View

_NUM_LAYERS = 5


def draw_scenes(count: int, *, side: int, pool_N3SS: Tensor) -> View:
    """`count` scenes; surfaces are taken from `pool_N3SS`, uint8, or made up."""
    device = pool_N3SS.device
    axis = torch.linspace(-1, 1, side, device=device)
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    images = _surface(count, side, pool_N3SS)
    numbers = torch.zeros(count, side, side, dtype=torch.long, device=device)
    common = _surface(count, side, pool_N3SS)
    is_alike = torch.rand(count, 1, 1, 1, device=device) < 0.3
    for layer in range(1, _NUM_LAYERS + 1):
        mask = _shape(count, rows, columns)
        surface = torch.where(is_alike, common, _surface(count, side, pool_N3SS))
        shade = 1 + 0.25 * torch.randn(count, 1, 1, 1, device=device)
        shown = torch.rand(count, 1, 1, device=device) < 0.75
        mask = mask & shown
        rim = F.avg_pool2d(mask[:, None].float(), 3, stride=1, padding=1)
        images = torch.lerp(images, surface * shade, rim)
        numbers = torch.where(mask, layer, numbers)
    boxes = torch.zeros(count, 4, device=device)
    return View(images.clamp(0, 255), numbers, boxes)


def _surface(count: int, side: int, pool_N3SS: Tensor) -> Tensor:
    """A photograph's piece, a colour with a gradient, clouds or stripes."""
    device = pool_N3SS.device
    kind = torch.randint(4, (count, 1, 1, 1), device=device)
    rows = torch.randint(len(pool_N3SS), (count,), device=device)
    photo = pool_N3SS[rows].float()
    zoom = torch.rand(count, 1, 1, device=device) * 0.6 + 0.1
    shift = (torch.rand(count, 2, 1, device=device) * 2 - 1) * 0.3 - 0.2
    eye = torch.eye(2, device=device).expand(count, 2, 2)
    theta = torch.cat([eye * zoom, shift], dim=2)
    grid = F.affine_grid(theta, [count, 3, side, side], align_corners=False)
    photo = F.grid_sample(photo, grid, align_corners=False, padding_mode="reflection")
    low, high = torch.rand(2, count, 3, 1, 1, device=device) * 255
    low = torch.where(torch.rand(count, 1, 1, 1, device=device) < 0.5, low, high + 0)
    weak = torch.rand(count, 1, 1, 1, device=device)
    axis = torch.linspace(0, 1, side, device=device)
    ramp = axis[None, None, None, :] * weak + axis[None, None, :, None] * (1 - weak)
    plain = torch.lerp(low, high, ramp * 0.3)
    clouds = torch.lerp(low, high, _clouds(count, side, device))
    wave = (ramp * (10 + 80 * weak)).sin() * 0.5 + 0.5
    stripes = torch.lerp(low, high, wave * 0.6)
    out = torch.where(kind == 0, photo, plain)
    out = torch.where(kind == 2, clouds, out)
    return torch.where(kind == 3, stripes, out)


def _clouds(count: int, side: int, device: torch.device) -> Tensor:
    total = torch.zeros(count, 1, side, side, device=device)
    for cells, weight in ((4, 0.5), (16, 0.3), (64, 0.2)):
        noise = torch.rand(count, 1, cells, cells, device=device)
        total = total + weight * F.interpolate(noise, size=(side, side), mode="bicubic")
    return total


def _shape(count: int, rows_SS: Tensor, columns_SS: Tensor) -> Tensor:
    """Masks B S S: a blob, a (rounded) box, or a bent line; some with a hole."""
    device = rows_SS.device

    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, 1, 1, device=device)

    x, y = columns_SS - draw(-0.9, 0.9), rows_SS - draw(-0.9, 0.9)
    angle = draw(0, 2 * math.pi)
    x, y = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    radius = draw(math.log(0.06), math.log(0.55)).exp()
    squeeze = draw(math.log(0.4), 0.0).exp()
    distance, around = (x.square() + (y / squeeze).square()).sqrt(), torch.atan2(y, x)
    rough = draw(0, 1) ** 2
    reach = 1.0
    for wave in range(2, 8):
        size = draw(-0.35, 0.35) * rough / wave**0.5
        reach = reach + size * (wave * around + draw(0, 2 * math.pi)).cos()
    blob = distance < radius * reach
    power = draw(1.0, 9.0)
    box = (x.abs() / radius) ** power + (y.abs() / (radius * squeeze)) ** power < 1
    bend = draw(-0.6, 0.6) * (x * draw(1.0, 6.0)).sin()
    thick = draw(math.log(0.015), math.log(0.08)).exp()
    line = ((y - bend * radius).abs() < thick) & (x.abs() < radius * 1.5)
    kind = torch.rand(count, 1, 1, device=device)
    mask = torch.where(kind < 0.55, blob, torch.where(kind < 0.85, box, line))
    hole = (distance < radius * draw(0.2, 0.6)) & (draw(0, 1) < 0.1) & (kind < 0.85)
    return mask & ~hole
