"""A made-up annotator for training: where the next click would go, on the device.

The next click lies deep inside the largest error, as in RITM (Sofiiuk et al., 2021);
depth is counted in erosions, which a GPU does in parallel. Unlike a test's annotator
it does not always hit the deepest cell: people do not either.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

_MAX_DEPTH = 24


class Clicks(NamedTuple):
    """Marks so far as maps in [0, 1], K 1 H W each."""

    positive: Tensor
    negative: Tensor
    box: Tensor


def no_clicks(like_K1HW: Tensor) -> Clicks:
    zero = torch.zeros_like(like_K1HW)
    return Clicks(zero, zero.clone(), zero.clone())


def prompt_maps(clicks: Clicks, previous_K1HW: Tensor) -> Tensor:
    return torch.cat([*clicks, previous_K1HW], dim=1)


def depth_of(mask_K1HW: Tensor) -> Tensor:
    """Erosions that each cell survives, up to `_MAX_DEPTH`; the border erodes too."""
    left = mask_K1HW.float()
    depth = left.clone()
    for _ in range(_MAX_DEPTH - 1):
        left = 1 - F.max_pool2d(F.pad(1 - left, (1, 1, 1, 1), value=1.0), 3, stride=1)
        depth = depth + left
    return depth


def next_clicks(truth_K1HW: Tensor, said_K1HW: Tensor, clicks: Clicks) -> Clicks:
    """Add one click to each: in the thicker of what is missed and what is too much."""
    wrong = torch.cat([truth_K1HW & ~said_K1HW, ~truth_K1HW & said_K1HW])
    missed, excess = depth_of(wrong).chunk(2)
    most_missed = missed.amax(dim=(2, 3), keepdim=True)
    most_excess = excess.amax(dim=(2, 3), keepdim=True)
    is_positive = most_missed >= most_excess
    depth = torch.where(is_positive, missed, excess)
    most = torch.maximum(most_missed, most_excess)
    # Cells at least this deep may be hit: from exactly the middle to quite loose.
    looseness = torch.rand_like(most) * 0.7
    is_fit = ((depth >= most * (1 - looseness)) & (depth > 0)).float()
    mark = splat(_pick(is_fit), is_fit) * (most > 0)
    return Clicks(
        torch.maximum(clicks.positive, mark * is_positive),
        torch.maximum(clicks.negative, mark * ~is_positive),
        clicks.box,
    )


def _pick(weights_K1HW: Tensor) -> Tensor:
    return torch.multinomial(weights_K1HW.flatten(1) + 1e-9, 1)[:, 0]


def splat(cells_K: Tensor, like_K1HW: Tensor) -> Tensor:
    """A soft dot of one cell's deviation around each cell, as in serving."""
    height, width = like_K1HW.shape[-2:]
    rows = torch.arange(height, device=cells_K.device)[None, :, None]
    columns = torch.arange(width, device=cells_K.device)[None, None, :]
    row, column = (cells_K // width)[:, None, None], (cells_K % width)[:, None, None]
    square = (rows - row).square() + (columns - column).square()
    return (-square / 2.0).exp()[:, None].to(like_K1HW.dtype)


def loose_boxes(truth_K1HW: Tensor, *, slack: float = 0.08) -> Tensor:
    """The box around each mask, its sides off by up to `slack` of its size, filled."""
    height, width = truth_K1HW.shape[-2:]
    ends = []
    for axis, size in ((3, width), (2, height)):
        seen = truth_K1HW.any(dim=5 - axis).flatten(1).float()
        index = torch.arange(size, device=seen.device)
        low = torch.where(seen > 0, index, size).amin(dim=1).float()
        high = torch.where(seen > 0, index + 1, 0).amax(dim=1).float()
        room = (high - low).clamp(min=1)
        low = low + room * (torch.rand_like(low) - 0.5) * 2 * slack
        high = high + room * (torch.rand_like(high) - 0.5) * 2 * slack
        ends.append((low, high))
    (x1, x2), (y1, y2) = ends
    return fill_boxes(torch.stack([x1, y1, x2, y2], dim=1), truth_K1HW)


def fill_boxes(boxes_K4: Tensor, like_K1HW: Tensor) -> Tensor:
    """1 in cells whose centre lies in the box, whose sides are in cells."""
    height, width = like_K1HW.shape[-2:]
    x = torch.arange(width, device=boxes_K4.device) + 0.5
    y = torch.arange(height, device=boxes_K4.device) + 0.5
    in_x = (x >= boxes_K4[:, 0:1]) & (x <= boxes_K4[:, 2:3])
    in_y = (y >= boxes_K4[:, 1:2]) & (y <= boxes_K4[:, 3:4])
    return (in_y[:, :, None] & in_x[:, None, :]).float()[:, None]
