"""What a mask should be, and what a box alone says about it."""

import torch
from torch import Tensor
from torch.nn import functional as F


def mask_loss(logits_K1HW: Tensor, truth_K1HW: Tensor, weight_K: Tensor) -> Tensor:
    """Focal cross entropy plus Dice, averaged over the prompts that count.

    `truth_K1HW` holds each cell's covered share; `weight_K` is 0 for prompts without
    an object.
    """
    entropy = F.binary_cross_entropy_with_logits(
        logits_K1HW, truth_K1HW, reduction="none"
    )
    said = logits_K1HW.sigmoid()
    miss = (said - truth_K1HW).abs().detach()
    # Normalised as in RITM: the focus shifts weight, it does not shrink the gradient.
    focus = miss * miss.shape[-1] * miss.shape[-2]
    focus = focus / (miss.sum(dim=(2, 3), keepdim=True) + 1e-3)
    focal = (entropy * (0.5 + 0.5 * focus.clamp(max=20))).mean(dim=(1, 2, 3))
    each = focal + dice_loss(said, truth_K1HW)
    return (each * weight_K).sum() / weight_K.sum().clamp(min=1)


def dice_loss(said_K1HW: Tensor, truth_K1HW: Tensor) -> Tensor:
    """1 minus the soft Dice coefficient of each, K."""
    shared = (said_K1HW * truth_K1HW).sum(dim=(1, 2, 3))
    total = said_K1HW.square().sum(dim=(1, 2, 3)) + truth_K1HW.square().sum(
        dim=(1, 2, 3)
    )
    return 1 - (2 * shared + 1) / (total + 1)


def box_loss(
    logits_K1HW: Tensor, box_K1HW: Tensor, likeness_K8HW: Tensor, weight_K: Tensor
) -> Tensor:
    """What a box alone teaches (BoxInst: Tian et al., 2021).

    The mask must touch all four sides and stay inside (projections), and neighbours
    of like colour must agree (pairs).
    """
    said = logits_K1HW.sigmoid()
    projection = torch.zeros_like(weight_K)
    for axis in (2, 3):
        projection = projection + dice_loss(
            said.amax(dim=axis, keepdim=True), box_K1HW.amax(dim=axis, keepdim=True)
        )
    pairs = _pair_disagreement(logits_K1HW)
    counts = (likeness_K8HW > 0.3).float() * box_K1HW
    pair = (pairs * counts).sum(dim=(1, 2, 3)) / counts.sum(dim=(1, 2, 3)).clamp(min=1)
    return ((projection + pair) * weight_K).sum() / weight_K.sum().clamp(min=1)


def _pair_disagreement(logits_K1HW: Tensor) -> Tensor:
    """Minus the log of the chance that a cell and its neighbour are one, K 8 H W."""
    inside, outside = F.logsigmoid(logits_K1HW), F.logsigmoid(-logits_K1HW)
    both_in = inside + _neighbours(inside)
    both_out = outside + _neighbours(outside)
    return -torch.logaddexp(both_in, both_out)


def colour_likeness(images_B3HW: Tensor) -> Tensor:
    """exp(-distance/2) to the 8 neighbours two cells away; images in 0..255."""
    colours = images_B3HW / 12.0
    parts = [
        (-(colours - part).square().sum(dim=1, keepdim=True).sqrt() / 2).exp()
        for part in _neighbour_maps(colours)
    ]
    return torch.cat(parts, dim=1)


def _neighbours(x_K1HW: Tensor) -> Tensor:
    return torch.cat(_neighbour_maps(x_K1HW), dim=1)


def _neighbour_maps(x: Tensor) -> list[Tensor]:
    height, width = x.shape[-2:]
    padded = F.pad(x, (2, 2, 2, 2), mode="replicate")
    return [
        padded[:, :, dy : dy + height, dx : dx + width]
        for dy in (0, 2, 4)
        for dx in (0, 2, 4)
        if (dy, dx) != (2, 2)
    ]
