"""Cross entropy and Dice, by pixels that have a class."""

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_vision.segmentation.semantic.crops import NO_CLASS


def semantic_loss(logits_BCHW: Tensor, classes_BHW: Tensor) -> dict[str, Tensor]:
    """Both parts; Dice is of the whole batch, class by class without the background.

    A class that the batch does not show adds nothing but what it is wrongly given.
    """
    entropy = F.cross_entropy(logits_BCHW, classes_BHW, ignore_index=NO_CLASS)
    counts = (classes_BHW != NO_CLASS)[:, None].float()
    said = logits_BCHW.softmax(dim=1) * counts
    truth = F.one_hot(classes_BHW.clamp(min=0), logits_BCHW.shape[1])
    truth = truth.permute(0, 3, 1, 2).float() * counts
    shared = (said * truth).sum(dim=(0, 2, 3))[1:]
    total = (said.square() + truth.square()).sum(dim=(0, 2, 3))[1:]
    dice = (1 - (2 * shared + 1) / (total + 1)).mean()
    return {"entropy": entropy, "dice": dice}


def total(losses: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(losses.values())).sum()
