"""A run's whole state in one file, so that one that is cut off loses nothing.

Safetensors with the few numbers in its header: no pickle, and the file appears whole or
not at all. Going on from it gives the same weights as a run that was left alone.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Tensors by name, and everything that is not a tensor as JSON."""

    tensors: dict[str, Tensor]
    numbers: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors under a prefix, without it."""
        start = f"{prefix}."
        return {
            name.removeprefix(start): value
            for name, value in self.tensors.items()
            if name.startswith(start)
        }


class CheckpointFile:
    """Where a run's state is kept, and when the next one is due."""

    def __init__(self, path: Path, *, every_s: float, recipe: str) -> None:
        self.path, self.every_s, self._recipe = path, every_s, recipe
        self._saved_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self._saved_at >= self.every_s

    def save(self, state: State) -> None:
        numbers = {"version": VERSION, "recipe": self._recipe, **state.numbers}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".part")
        save_file(
            {name: value.contiguous() for name, value in state.tensors.items()},
            partial,
            metadata={"state": json.dumps(numbers)},
        )
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(self.path)
        self._saved_at = time.monotonic()

    def load(self) -> State | None:
        """The last state, or None where there is none that this run could go on from."""
        if not self.path.is_file():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                numbers = json.loads((file.metadata() or {}).get("state", "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- not a dict
        except (SafetensorError, OSError, ValueError):
            return None
        is_ours = numbers.get("version") == VERSION
        if not is_ours or numbers.get("recipe") != self._recipe:
            return None
        return State(tensors=tensors, numbers=numbers)


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """A part of a state; clones, as safetensors refuses memory that is shared."""
    return {
        f"{prefix}.{name}": value.detach().cpu().clone()
        for name, value in tensors.items()
    }


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{index}.{key}": value
        for index, parameter in enumerate(_parameters(optimizer))
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def load_optimizer(
    optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]
) -> None:
    parameters = _parameters(optimizer)
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        parameter = parameters[int(index)]
        place = "cpu" if key == "step" and not parameter.is_cuda else parameter.device
        optimizer.state[parameter][key] = value.to(place)


def _parameters(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [one for group in optimizer.param_groups for one in group["params"]]
