"""What is minimised. Letters as in `matching`; losses without unit, per object."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_vision.training.matching import area, assign

_EPS = 1e-7
BOX_WEIGHT = 5.0


class Losses(NamedTuple):
    total: Tensor
    classes: Tensor
    boxes: Tensor


def giou(a_xyxy_N4: Tensor, b_xyxy_N4: Tensor) -> Tensor:
    """Generalised IoU (Rezatofighi et al., 2019) of pairs, in [-1, 1]."""
    low = torch.maximum(a_xyxy_N4[:, :2], b_xyxy_N4[:, :2])
    high = torch.minimum(a_xyxy_N4[:, 2:], b_xyxy_N4[:, 2:])
    inside = area((high - low).clamp(min=0))
    area_a = area(a_xyxy_N4[:, 2:] - a_xyxy_N4[:, :2])
    area_b = area(b_xyxy_N4[:, 2:] - b_xyxy_N4[:, :2])
    union = area_a + area_b - inside
    hull_low = torch.minimum(a_xyxy_N4[:, :2], b_xyxy_N4[:, :2])
    hull_high = torch.maximum(a_xyxy_N4[:, 2:], b_xyxy_N4[:, 2:])
    hull = area(hull_high - hull_low)
    return inside / (union + _EPS) - (hull - union) / (hull + _EPS)


def to_boxes(distances_BA4: Tensor, centres_A2: Tensor) -> Tensor:
    """Distances left, top, right, bottom of each cell's centre to xyxy."""
    return torch.cat(
        [centres_A2 - distances_BA4[..., :2], centres_A2 + distances_BA4[..., 2:]],
        dim=-1,
    )


def detection_loss(
    logits_BAP: Tensor,
    distances_BA4: Tensor,
    centres_A2: Tensor,
    truth_BM4: Tensor,
    labels_BM: Tensor,
    *,
    top_k: int,
) -> Losses:
    """Class likeness as binary cross entropy to the match's quality; boxes by GIoU.

    Computed in float32. Both sums are divided by the batch's total quality.
    """
    logits, boxes = logits_BAP.float(), to_boxes(distances_BA4.float(), centres_A2)
    with torch.no_grad():
        match = assign(
            logits.sigmoid(), boxes, centres_A2, truth_BM4, labels_BM, top_k=top_k
        )
        is_object = match.object_BA >= 0
        row = match.object_BA.clamp(min=0)
        label = labels_BM.gather(1, row).clamp(min=0)
        wanted = F.one_hot(label, logits.shape[-1]) * match.quality_BA[..., None]
        wanted = wanted * is_object[..., None]
        total_quality = wanted.sum().clamp(min=1.0)
    class_loss = F.binary_cross_entropy_with_logits(logits, wanted, reduction="sum")
    target = truth_BM4.gather(1, row[..., None].expand(-1, -1, 4))
    # A product in place of indexing: no shape depends on data, so the GPU never waits.
    fit = giou(boxes.reshape(-1, 4), target.reshape(-1, 4)).reshape(row.shape)
    weight = match.quality_BA * is_object
    box_loss = (torch.where(is_object, 1 - fit, 0.0) * weight).sum()
    class_loss, box_loss = class_loss / total_quality, box_loss / total_quality
    return Losses(
        total=class_loss + BOX_WEIGHT * box_loss, classes=class_loss, boxes=box_loss
    )


def imitation_loss(
    logits_BAP: Tensor,
    distances_BA4: Tensor,
    centres_A2: Tensor,
    teacher_scores_BAP: Tensor,
    teacher_boxes_BA4: Tensor,
) -> Losses:
    """Follow a teacher cell by cell: where it is sure, its box; everywhere its scores.

    Scores by quality focal loss (Li et al., 2020), which looks where they differ.
    """
    logits, boxes = logits_BAP.float(), to_boxes(distances_BA4.float(), centres_A2)
    difference = (teacher_scores_BAP - logits.sigmoid()).detach() ** 2
    entropy = F.binary_cross_entropy_with_logits(
        logits, teacher_scores_BAP, reduction="none"
    )
    sureness = teacher_scores_BAP.amax(dim=-1)
    sureness = torch.where(sureness > 0.1, sureness, 0.0)
    total = sureness.sum().clamp(min=1.0)
    fit = giou(boxes.reshape(-1, 4), teacher_boxes_BA4.reshape(-1, 4))
    class_loss = (entropy * difference).sum() / total
    box_loss = ((1 - fit).reshape(sureness.shape) * sureness).sum() / total
    return Losses(
        total=class_loss + BOX_WEIGHT * box_loss, classes=class_loss, boxes=box_loss
    )
