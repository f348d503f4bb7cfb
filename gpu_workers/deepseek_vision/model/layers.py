"""Convolutions with their normalisation, the pieces everything is made of."""

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


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


def up_twice(x: Tensor) -> Tensor:
    """Twice the height and width by repetition, which every runtime does exactly."""
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
