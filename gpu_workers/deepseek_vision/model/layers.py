"""Convolutions with their normalisation, the pieces everything is made of."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

NUM_LOOKED_AT = 32  # pictures: thousands of places a channel


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch norm, and an activation unless told otherwise.

    ReLU6 bounds what has to be represented in 8 bits.
    """

    def __init__(  # noqa: PLR0913 -- the arguments of a convolution
        self,
        num_in: int,
        num_out: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
        is_active: bool = True,
    ) -> None:
        conv = nn.Conv2d(
            num_in,
            num_out,
            kernel,
            stride=stride,
            padding=(kernel - 1) // 2 * dilation,
            groups=groups,
            dilation=dilation,
            bias=False,
        )
        norm = nn.BatchNorm2d(num_out, eps=1e-3, momentum=0.03)
        parts: list[nn.Module] = [conv, norm]
        if is_active:
            parts.append(nn.ReLU6())
        super().__init__(*parts)


def fold_norms(module: nn.Module) -> None:
    """Merge every batch norm into the convolution before it, in place.

    The outputs of evaluation mode stay the same up to rounding.
    """
    for child in module.modules():
        if isinstance(child, ConvNorm):
            conv, norm = child[0], child[1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                child[0] = fuse_conv_bn_eval(conv, norm)
                child[1] = nn.Identity()


def regain_statistics(
    model: nn.Module, images_N3HW: Tensor, look: Callable[[Tensor], object]
) -> None:
    """Give norms that were folded away the statistics of what they see, in place.

    A folded norm adds a bias and no more, so in training mode, where it divides by the
    batch's deviation, it would be another function. The outputs of evaluation mode stay
    the same up to rounding.

    Args:
        model: Whose norms; those that were not folded are left alone.
        images_N3HW: What it will be trained on; the first few are looked at.
        look: Runs the model on pictures, in float.
    """
    folded = [
        one
        for one in model.modules()
        if isinstance(one, nn.BatchNorm2d) and _is_folded(one)
    ]
    if not folded:
        return
    was_training = model.training
    hooks = [one.register_forward_pre_hook(_take_statistics) for one in folded]
    with torch.no_grad():
        model.eval()
        look(images_N3HW[:NUM_LOOKED_AT].float())
        model.train(was_training)
    for hook in hooks:
        hook.remove()


def as_folded(norm: nn.BatchNorm2d, bias: Tensor) -> None:
    """Make a norm that only adds a bias, in evaluation mode."""
    norm.reset_parameters()
    norm.running_var = torch.full_like(bias, 1 - norm.eps)
    with torch.no_grad():
        norm.bias.copy_(bias)


def _is_folded(norm: nn.BatchNorm2d) -> bool:
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        return False
    close = (variance - (1 - norm.eps)).abs().max() < norm.eps / 2
    return not mean.any() and bool(close)


def _take_statistics(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
    assert isinstance(norm, nn.BatchNorm2d)
    variance, mean = torch.var_mean(given[0].float(), dim=(0, 2, 3))
    norm.running_mean, norm.running_var = mean, variance
    norm.weight.copy_(norm.weight * (variance + norm.eps).sqrt())
    norm.bias.copy_(norm.bias + mean)


def up_twice(x: Tensor) -> Tensor:
    """Twice the height and width by repetition, which every runtime does exactly."""
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
