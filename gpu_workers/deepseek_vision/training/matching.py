# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""Which cells answer for which object: task-aligned assignment (Feng et al., 2021).

Letters: B images, A cells, M objects (padded), P classes. Boxes xyxy in pixels.
"""

from typing import NamedTuple

import torch
from torch import Tensor

_EPS = 1e-9


class Assignment(NamedTuple):
    """For each cell: the object it answers for, or -1, and how well it fits."""

    object_BA: Tensor
    quality_BA: Tensor


def area(sides: Tensor) -> Tensor:
    """Width times height over the last axis; `prod` has a far slower backward."""
    return sides[..., 0] * sides[..., 1]


def pairwise_iou(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """IoU of every pair over the last-but-one axis; leading axes are batches."""
    low = torch.maximum(a_xyxy[..., :, None, :2], b_xyxy[..., None, :, :2])
    high = torch.minimum(a_xyxy[..., :, None, 2:], b_xyxy[..., None, :, 2:])
    inside = area((high - low).clamp(min=0))
    area_a = area((a_xyxy[..., 2:] - a_xyxy[..., :2]).clamp(min=0))
    area_b = area((b_xyxy[..., 2:] - b_xyxy[..., :2]).clamp(min=0))
    return inside / (area_a[..., :, None] + area_b[..., None, :] - inside + _EPS)


def assign(
    scores_BAP: Tensor,
    boxes_BA4: Tensor,
    centres_A2: Tensor,
    truth_BM4: Tensor,
    labels_BM: Tensor,
    *,
    top_k: int,
) -> Assignment:
    """Give each object its `top_k` best cells among those inside it.

    A cell wanted by several objects goes to the one it overlaps most. `labels_BM` is
    -1 on padding. The quality of a cell is its alignment relative to the best of its
    object, times the best overlap of that object: the target of its class score.
    """
    is_real = labels_BM >= 0
    overlap = pairwise_iou(truth_BM4, boxes_BA4)
    index = labels_BM.clamp(min=0)[..., None].expand(-1, -1, scores_BAP.shape[1])
    score = scores_BAP.transpose(1, 2).gather(1, index)
    inside = _centre_is_inside(centres_A2, truth_BM4) & is_real[..., None]
    alignment = torch.where(inside, score.clamp(min=_EPS).sqrt() * overlap**6, 0.0)

    top_k = min(top_k, alignment.shape[-1])
    best, cells = alignment.topk(top_k, dim=-1)
    chosen = torch.zeros_like(inside).scatter_(2, cells, best > 0)
    overlap_if_chosen = torch.where(chosen, overlap, -1.0)
    widest, owner = overlap_if_chosen.max(dim=1)
    object_BA = torch.where(widest >= 0, owner, -1)

    owned = chosen & (object_BA[:, None] == _rows(truth_BM4))
    kept = torch.where(owned, alignment, 0.0)
    top_overlap = torch.where(owned, overlap, 0.0).amax(dim=-1, keepdim=True)
    ratio = kept / (kept.amax(dim=-1, keepdim=True) + _EPS)
    quality_BA = (ratio * top_overlap).amax(dim=1)
    return Assignment(object_BA=object_BA, quality_BA=quality_BA)


def _rows(truth_BM4: Tensor) -> Tensor:
    return torch.arange(truth_BM4.shape[1], device=truth_BM4.device)[None, :, None]


def _centre_is_inside(centres_A2: Tensor, truth_BM4: Tensor) -> Tensor:
    low = centres_A2[None, None] - truth_BM4[:, :, None, :2]
    high = truth_BM4[:, :, None, 2:] - centres_A2[None, None]
    return torch.minimum(low, high).amin(dim=-1) > 0
