"""The distributed trainer: ``DistributedTrainer(config).train(model, dataset)``."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepseek_optimizer.building import Recipe
    from deepseek_optimizer.trainer import DistributedTrainer, TrainResult

__all__ = ["DistributedTrainer", "Recipe", "TrainResult"]


def __getattr__(name: str) -> Any:
    # Deferred, so that reading a spec or an event never loads torch.
    if name in __all__:
        return getattr(importlib.import_module("deepseek_optimizer.trainer"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
