"""From a recipe and a configuration to a loop that is ready to run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from deepseek_optimizer.balance import Balancer, open_telemetry
from deepseek_optimizer.checkpoint import Checkpointer
from deepseek_optimizer.data import (
    Collate,
    DataPosition,
    Feed,
    MapDataset,
    SampleOrder,
    make_fetcher,
    mix_seed,
    seed_all,
)
from deepseek_optimizer.errors import ConfigError, DatasetError
from deepseek_optimizer.events import Event, Started
from deepseek_optimizer.guard import Guard
from deepseek_optimizer.loop import Loop, Outputs
from deepseek_optimizer.parallel import Loss, wrap
from deepseek_optimizer.recovery import Recovery
from deepseek_optimizer.spec import SPARSE, TrainConfig
from deepseek_optimizer.state import RunState
from deepseek_optimizer.timing import Stopwatch
from deepseek_optimizer.update import Updater

MakeOptimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
MakeScheduler = Callable[[torch.optim.Optimizer], LRScheduler]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A model and all that its training needs.

    Attributes:
        model: Any module; without `loss` it returns the batch's mean loss itself (a
            scalar, ``["loss"]`` or ``.loss``).
        dataset: Anything with a length and items.
        loss: (model, batch) -> mean loss over the batch's samples.
        optimizer: Parameters -> optimizer; AdamW with the configured lr by default.
        scheduler: Optimizer -> scheduler, stepped after each update.
        collate: List of items -> batch; torch's default.
        augment: Batch on the device -> batch, before the forward pass.
        evaluate: Model -> named numbers, called on every rank.
        after_update: Called with the model after each update, on every rank.
        finish: Called with the trained model at the end, on the first rank.
    """

    model: nn.Module
    dataset: MapDataset
    loss: Loss | None = None
    optimizer: MakeOptimizer | None = None
    scheduler: MakeScheduler | None = None
    collate: Collate | None = None
    augment: Callable[[Any], Any] | None = None
    evaluate: Callable[[nn.Module], Mapping[str, float]] | None = None
    after_update: Callable[[nn.Module], None] | None = None
    finish: Callable[[nn.Module], None] | None = None

    def parts(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


def check_recipe(recipe: Recipe, config: TrainConfig) -> None:
    """Refuse before anything starts what cannot be trained."""
    if isinstance(recipe.optimizer, torch.optim.Optimizer):
        raise ConfigError(
            "optimizer must be a function of the parameters, because they move to "
            "their device first: give functools.partial(torch.optim.SGD, lr=0.1)"
        )
    if hasattr(recipe.dataset, "__len__") and len(recipe.dataset) == 0:
        raise DatasetError("the dataset is empty: give at least one sample")
    if not any(p.requires_grad for p in recipe.model.parameters()):
        raise ConfigError("the model has no parameter that requires a gradient")
    if config.parallel.strategy != "ddp":
        _check_shardable(recipe.model, config.parallel.strategy)
    if config.global_batch_size > 1 << 24:
        raise ConfigError(f"global_batch_size {config.global_batch_size} is no batch")


def _check_shardable(model: nn.Module, strategy: str) -> None:
    for name, parameter in model.named_parameters():
        if parameter.ndim == 0:
            raise ConfigError(
                f"parallel.strategy {strategy!r} shards by a parameter's first "
                f"dimension and {name!r} is a scalar: give it the shape (1,), "
                "or train with 'ddp'"
            )


def build_loop(
    recipe: Recipe,
    config: TrainConfig,
    device: torch.device,
    report: Callable[[Event], None],
    run_dir: Path | None,
) -> Loop:
    """Wrap the model and put all parts of a run together; every rank calls it.

    Raises:
        ConfigError: What is asked for does not go together.
        CheckpointError: The checkpoint folder cannot be used.
    """
    rank, world_size = dist.get_rank(), dist.get_world_size()
    if config.global_batch_size < world_size:
        raise ConfigError(
            f"global_batch_size {config.global_batch_size} is smaller than {world_size} "
            "ranks: each needs a sample, so raise it"
        )
    checkpointer, folder = None, run_dir
    if config.checkpoint.dir is not None:
        checkpointer = Checkpointer(config.checkpoint, report)
        folder = checkpointer.dir
    seed_all(mix_seed(config.seed, rank, 2))
    replica = wrap(recipe.model, recipe.loss, config, device)
    recipe.model.train()
    optimizer = _make_optimizer(recipe, config)
    total_steps = count_steps(config, len(recipe.dataset))
    feed = Feed(
        make_fetcher(recipe.dataset, recipe.collate, config.guard.max_bad_items),
        SampleOrder(len(recipe.dataset), DataPosition(seed=config.seed)),
        rank=rank,
        micro_batch_size=config.micro_batch_size,
        num_workers=config.num_workers,
    )
    state = RunState(
        config=config,
        replica=replica,
        scheduler=_make_scheduler(recipe, config, optimizer, total_steps),
        updater=Updater(replica, optimizer, config, Stopwatch(device)),
        feed=feed,
        guard=Guard(config.guard, can_roll_back=checkpointer is not None),
        balancer=Balancer(config.balance, config.global_batch_size, world_size),
    )
    outputs = Outputs(
        report=report,
        telemetry=open_telemetry(config.balance, rank, device),
        recovery=Recovery(checkpointer, folder, report),
        checkpointer=checkpointer,
        augment=recipe.augment,
        evaluate=recipe.evaluate,
        after_update=recipe.after_update,
    )
    if rank == 0:
        report(
            Started(
                world_size=world_size,
                num_parameters=sum(p.numel() for p in replica.module.parameters()),
                num_samples=len(recipe.dataset),
                total_steps=total_steps,
                device=torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
                strategy=config.parallel.strategy,
            )
        )
    return Loop(state, outputs, total_steps)


def count_steps(config: TrainConfig, num_samples: int) -> int:
    """Updates in all: the smaller of max_steps and max_epochs; one epoch by default."""
    epochs = config.max_epochs or (None if config.max_steps else 1.0)
    steps = [config.max_steps] if config.max_steps else []
    if epochs:
        steps.append(math.ceil(epochs * num_samples / config.global_batch_size))
    return min(steps)


def _make_optimizer(recipe: Recipe, config: TrainConfig) -> torch.optim.Optimizer:
    params = [p for p in recipe.model.parameters() if p.requires_grad]
    if recipe.optimizer is not None:
        optimizer = recipe.optimizer(params)
        is_plain = isinstance(optimizer, torch.optim.SGD) and not any(
            group["momentum"] for group in optimizer.param_groups
        )
        compression = config.gradient_compression
        if compression.kind in SPARSE and compression.momentum and not is_plain:
            raise ConfigError(
                f"gradient_compression {compression.kind!r} keeps the momentum itself: "
                "use torch.optim.SGD without momentum, or momentum 0 in "
                "gradient_compression"
            )
        return optimizer
    if config.gradient_compression.kind in SPARSE:
        return torch.optim.SGD(params, lr=config.lr, fused=True)
    return torch.optim.AdamW(
        params, lr=config.lr, weight_decay=config.weight_decay, fused=True
    )


def _make_scheduler(
    recipe: Recipe,
    config: TrainConfig,
    optimizer: torch.optim.Optimizer,
    total_steps: int,
) -> LRScheduler:
    if recipe.scheduler is not None:
        return recipe.scheduler(optimizer)
    warmup = config.lr_warmup_steps

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        done = min(1.0, (step - warmup) / max(1, total_steps - warmup))
        if config.lr_schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * done))
        return 1.0 - done if config.lr_schedule == "linear" else 1.0

    return LambdaLR(optimizer, factor)
