"""Quantisation-aware: the rounding of the 8-bit graph, felt while training.

Norms are folded first, so that what is rounded is what will serve. Weights are rounded
to 7 bits per channel, activations to 8 bits after their ReLU6 and after a residual sum,
with gradients passed straight through (Jacob et al., 2018). The learned ranges go into
the exported graph by the names of its tensors.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from deepseek_vision.model.backbone import InvertedResidual
from deepseek_vision.model.detector import Detector
from deepseek_vision.model.layers import ConvNorm, as_folded, fold_norms
from deepseek_vision.quantize import ALWAYS_FLOAT

_LEVELS = 255
_MOST = 64  # the largest weight step: 7 bits with their sign


class RoundedConv(nn.Conv2d):
    """A convolution whose weights are rounded per output channel on each use."""

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.float()
        scale = weight.detach().abs().amax(dim=(1, 2, 3)).clamp(min=1e-8) / _MOST
        zero = torch.zeros_like(scale, dtype=torch.int32)
        rounded = torch.fake_quantize_per_channel_affine(
            weight, scale, zero, 0, -_MOST, _MOST
        )
        made: Tensor = self._conv_forward(x, rounded.to(x.dtype), self.bias)
        return made


class RoundedRange(nn.Module):
    """Rounds to 256 steps between the lowest and highest value seen so far."""

    low: Tensor
    high: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))
        self.is_watching = True

    def forward(self, x: Tensor) -> Tensor:
        values = x.float()
        if self.training and self.is_watching:
            self._watch(values.detach())
        scale = ((self.high - self.low) / _LEVELS).clamp(min=1e-8)
        zero = (-self.low / scale).round().clamp(0, _LEVELS).to(torch.int32)
        rounded = torch.fake_quantize_per_tensor_affine(values, scale, zero, 0, _LEVELS)
        return rounded.to(x.dtype)

    def _watch(self, values: Tensor) -> None:
        low, high = values.amin().clamp(max=0), values.amax().clamp(min=0)
        share = torch.where(self.high > self.low, 0.1, 1.0)
        self.low.lerp_(low, share)
        self.high.lerp_(high, share)


def _round_sum(module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
    rounded: Tensor = module.get_submodule("rounded")(output)
    return rounded


def make_aware(model: Detector, *, float_parts: Iterable[str] = ()) -> Detector:
    """Fold the norms and round, in place; parts named as in `quantize` stay in float."""
    was_training = model.training
    fold_norms(model.eval())
    model.train(was_training)
    parts = (*ALWAYS_FLOAT, *float_parts)
    for name, module in list(model.named_modules()):
        if any(part in f"{scope(model, name)}/" for part in parts):
            continue
        if isinstance(module, ConvNorm):
            module[0] = _as_rounded(module[0])
            module.append(RoundedRange())
        elif isinstance(module, InvertedResidual) and module.is_residual:
            module.add_module("rounded", RoundedRange())
            module.register_forward_hook(_round_sum)
    return model


def _as_rounded(conv: nn.Module) -> RoundedConv:
    if not isinstance(conv, nn.Conv2d):
        raise TypeError(f"{type(conv).__name__} is no convolution")
    rounded = RoundedConv(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        stride=conv.stride,  # type: ignore[arg-type]
        padding=conv.padding,  # type: ignore[arg-type]
        dilation=conv.dilation,  # type: ignore[arg-type]
        groups=conv.groups,
    )
    rounded.weight, rounded.bias = conv.weight, conv.bias
    return rounded


def stop_watching(model: nn.Module) -> None:
    """From here on the ranges are fixed and the weights settle into them."""
    for module in model.modules():
        if isinstance(module, RoundedRange):
            module.is_watching = False


def scope(model: nn.Module, name: str) -> str:
    """Where the exporter puts a module: `/model/backbone/stages.1/stages.1.0`."""
    parts, label, path = ["/model"], "", ""
    for token in filter(None, name.split(".")):
        path = f"{path}.{token}" if path else token
        label = f"{label}.{token}" if token.isdigit() else token
        if not isinstance(model.get_submodule(path), nn.ModuleList):
            parts.append(label)
    return "/".join(parts)


def learned_ranges(model: Detector) -> dict[str, tuple[float, float]]:
    """Ranges by the names of the tensors in the exported graph."""
    return {
        tensor: (float(module.low), float(module.high))
        for tensor, module in _named_ranges(model)
    }


def _named_ranges(model: Detector) -> Iterator[tuple[str, RoundedRange]]:
    for name, module in model.named_modules():
        if isinstance(module, ConvNorm) and isinstance(module[-1], RoundedRange):
            is_active = isinstance(module[-2], nn.ReLU6)
            last = f"{name}.2" if is_active else f"{name}.0"
            kind = "Clip" if is_active else "Conv"
            yield f"{scope(model, last)}/{kind}_output_0", module[-1]
        elif isinstance(module, InvertedResidual) and hasattr(module, "rounded"):
            rounded = module.get_submodule("rounded")
            if isinstance(rounded, RoundedRange):
                yield f"{scope(model, name)}/Add_output_0", rounded


@torch.no_grad()
def into_plain(aware: Detector, plain: Detector) -> Detector:
    """Carry trained weights back into a detector of the usual form.

    Its norms become the identity plus the bias that folding had given the convolution.
    """
    given = {k: v for k, v in aware.state_dict().items() if "rounded" not in k}
    wanted = plain.state_dict()
    plain.load_state_dict({k: v for k, v in given.items() if k in wanted}, strict=False)
    for name, module in plain.named_modules():
        if not isinstance(module, ConvNorm):
            continue
        norm, bias = module[1], given.get(f"{name}.0.bias")
        if isinstance(norm, nn.BatchNorm2d) and bias is not None:
            as_folded(norm, bias)
    return plain.eval()
