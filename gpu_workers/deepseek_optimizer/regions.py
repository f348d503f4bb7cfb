"""Regions of a model: what is compiled, sharded or recomputed as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from deepseek_optimizer.events import Event, RegionCompiled


def repeated_blocks(model: nn.Module) -> dict[str, nn.Module]:
    """Return the outermost composite modules of which a container holds two or more."""
    found: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        if not isinstance(module, (nn.ModuleList, nn.Sequential)):
            continue
        if any(f"{name}.".startswith(f"{block}.") for block in found):
            continue
        kinds = Counter(type(child) for child in module)
        for index, child in module.named_children():
            is_composite = next(child.children(), None) is not None
            if kinds[type(child)] >= 2 and is_composite:
                found[f"{name}.{index}" if name else index] = child
    return found


def beside_blocks(model: nn.Module) -> dict[str, nn.Module]:
    """Return the model's own composite children that neither are nor hold a block.

    A head that ends in the loss is one: compiled, it never writes its logits out in
    float32, which takes a tenth of a small language model's step.
    """
    blocks = repeated_blocks(model)
    return {
        name: child
        for name, child in model.named_children()
        if next(child.children(), None) is not None
        and not isinstance(child, (nn.ModuleList, nn.Sequential, nn.ModuleDict))
        and not any(f"{block}.".startswith(f"{name}.") for block in blocks)
    }


def recompute_activations(model: nn.Module) -> None:
    """Keep only each block's input and run it again in the backward pass."""
    for block in repeated_blocks(model).values():
        forward = block.forward

        def recomputed(*args: Any, _forward: Any = forward, **kwargs: Any) -> Any:
            return checkpoint(_forward, *args, use_reentrant=False, **kwargs)

        block.forward = recomputed


def compile_regions(
    model: nn.Module, mode: str, report: Callable[[Event], None]
) -> None:
    """Compile repeated blocks once for all, and what stands beside them.

    Blocks share a compilation if their weights and their inputs have the same shapes.
    One that shares with no other stays eager: compiling a pyramid's levels one by one
    takes minutes and gains little. With ``full`` the whole model is one region. What
    does not compile runs eagerly from then on and is reported.
    """
    if mode == "full":
        beside, blocks = {"": model}, {}
    else:
        beside, blocks = beside_blocks(model), repeated_blocks(model)
    for module in beside.values():
        _Region(type(module).__qualname__, report).take(module)
    kinds: dict[type[nn.Module], _Repeated] = {}
    for block in blocks.values():
        kind = type(block)
        if kind not in kinds:
            kinds[kind] = _Repeated(kind.__qualname__, report)
        kinds[kind].take(block)


class _Region:
    """What is compiled and falls back together."""

    def __init__(self, name: str, report: Callable[[Event], None]) -> None:
        self.name, self.report = name, report
        self.num_blocks = 1
        self.is_reported = self.is_eager = False

    def take(self, module: nn.Module) -> None:
        """Let the module run compiled from its next call on."""
        module.forward = self._guard(module.forward)

    def _guard(self, eager: Callable[..., Any]) -> Callable[..., Any]:
        compiled = torch.compile(eager)

        def forward(*args: Any, **kwargs: Any) -> Any:
            if self.is_eager:
                return eager(*args, **kwargs)
            try:
                result = compiled(*args, **kwargs)
            except (RuntimeError, TypeError, AssertionError, ImportError) as error:
                # A fault of the block itself comes up again in the eager call.
                self.is_eager = True
                self._tell(f"{type(error).__name__}: {error}".splitlines()[0][:300])
                return eager(*args, **kwargs)
            self._tell(None)
            return result

        return forward

    def _tell(self, reason: str | None) -> None:
        if not self.is_reported or reason is not None:
            self.is_reported = True
            self.report(
                RegionCompiled(
                    region=self.name, num_blocks=self.num_blocks, fallback_reason=reason
                )
            )


class _Repeated(_Region):
    """Blocks of one class, of which those of the same shapes share a compilation."""

    def __init__(self, name: str, report: Callable[[Event], None]) -> None:
        super().__init__(name, report)
        self.num_blocks = 0
        self.shapes: Counter[object] = Counter()

    def take(self, module: nn.Module) -> None:
        """Let the module run compiled from its second call on, if it is not alone."""
        eager, compiled = module.forward, self._guard(module.forward)
        weights = tuple(parameter.shape for parameter in module.parameters())
        kept: list[object] = []
        self.num_blocks += 1

        def forward(*args: Any, **kwargs: Any) -> Any:
            if not kept:
                kept.append((weights, _shapes(*args, *kwargs.values())))
                self.shapes[kept[0]] += 1
            elif self.shapes[kept[0]] > 1:
                return compiled(*args, **kwargs)
            elif not self.is_reported and max(self.shapes.values()) == 1:
                self._tell("no two of them have the same shapes")
            return eager(*args, **kwargs)

        module.forward = forward


def _shapes(*values: object) -> tuple[object, ...]:
    return tuple(value.shape if isinstance(value, Tensor) else None for value in values)
