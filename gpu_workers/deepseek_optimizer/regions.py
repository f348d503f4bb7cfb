"""Regions of a model: the repeated blocks that are compiled, sharded or recomputed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
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
    """Compile each kind of repeated block once, or the whole model with ``full``.

    What does not compile runs eagerly from then on and is reported.
    """
    blocks = {"": model} if mode == "full" else repeated_blocks(model)
    kinds: dict[type[nn.Module], list[nn.Module]] = {}
    for block in blocks.values():
        kinds.setdefault(type(block), []).append(block)
    for kind, members in kinds.items():
        region = _Region(kind.__qualname__, len(members), report)
        for block in members:
            block.forward = region.guard(block.forward)


class _Region:
    """Blocks of one class: they share what was compiled and fall back together."""

    def __init__(
        self, name: str, num_blocks: int, report: Callable[[Event], None]
    ) -> None:
        self.name, self.num_blocks, self.report = name, num_blocks, report
        self.is_reported = self.is_eager = False

    def guard(self, eager: Callable[..., Any]) -> Callable[..., Any]:
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
