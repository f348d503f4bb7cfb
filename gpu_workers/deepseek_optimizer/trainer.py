"""The front door: `DistributedTrainer(config).train(model, dataset)`."""

from __future__ import annotations

import importlib
import json
import logging
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypedDict, Unpack

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
)
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from deepseek_optimizer import launch
from deepseek_optimizer.balance import open_telemetry
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
from deepseek_optimizer.events import Event, Finished, Started
from deepseek_optimizer.loop import Loop, Parts, Progress
from deepseek_optimizer.parallel import (
    Loss,
    Replica,
    is_worker,
    pick_device,
    process_group,
    wrap,
)
from deepseek_optimizer.reporting import (
    EventLog,
    Heartbeat,
    JsonLines,
    ProgressBar,
    Reporter,
    Sink,
)
from deepseek_optimizer.spec import SPARSE, RunSpec, TrainConfig
from deepseek_optimizer.worker import MAIN_IMPORT, ReachedTrainError

logger = logging.getLogger(__name__)

MakeOptimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
MakeScheduler = Callable[[torch.optim.Optimizer], LRScheduler]


class Options(TypedDict, total=False):
    """What `train` takes beside model and dataset; see `Recipe`."""

    loss: Loss | None
    optimizer: MakeOptimizer | None
    scheduler: MakeScheduler | None
    collate: Collate | None
    augment: Callable[[Any], Any] | None
    evaluate: Callable[[nn.Module], Mapping[str, float]] | None


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
    """

    model: nn.Module
    dataset: MapDataset
    loss: Loss | None = None
    optimizer: MakeOptimizer | None = None
    scheduler: MakeScheduler | None = None
    collate: Collate | None = None
    augment: Callable[[Any], Any] | None = None
    evaluate: Callable[[nn.Module], Mapping[str, float]] | None = None

    def parts(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """How a run ended.

    Attributes:
        status: ``finished``, or ``stopped`` where it was asked to.
        loss: Mean over the last counted step's batch; None where no step counted.
    """

    status: str
    step: int
    loss: float | None
    elapsed_s: float
    world_size: int


class DistributedTrainer:
    """Trains a model on one device, all devices of a host, or many hosts.

    In a plain process it starts a worker for each local GPU through torch elastic (one
    GPU or none: it trains in this process). Under torchrun it is one of the workers.

    Args:
        config: A mapping of keys (see docs/reference/trainer-config.md) or a
            `TrainConfig`.
        on_event: Called with every event, on a thread of its own.

    Raises:
        ConfigError: The configuration cannot be run.
    """

    def __init__(
        self,
        config: Mapping[str, object] | TrainConfig | None = None,
        *,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        if not isinstance(config, TrainConfig):
            config = TrainConfig.from_mapping(config or {})
        self.config = config
        self.on_event = on_event

    def train(
        self, model: nn.Module, dataset: MapDataset, **options: Unpack[Options]
    ) -> TrainResult:
        """Train the model in place.

        Raises:
            DatasetError: Empty dataset, or an item that cannot be read.
            CheckpointError: The checkpoint folder cannot be used.
            CheckpointMismatchError: It holds another model's checkpoints.
            NonFiniteLossError: More NaN than the guard allows.
            NotPicklableError: Several processes, and a part that cannot be sent.
            WorkersFailedError: Workers kept failing.
        """
        if MAIN_IMPORT in os.environ:
            raise ReachedTrainError
        recipe = Recipe(model=model, dataset=dataset, **options)
        check_recipe(recipe, self.config)
        if not is_worker() and launch.num_local_processes(self.config) > 1:
            return self._train_in_workers(recipe)
        return train_here(recipe, self.config, self._sinks())

    def _sinks(self) -> list[Sink]:
        sinks: list[Sink] = []
        if self.on_event is not None:
            on_event = self.on_event
            sinks.append(lambda event, _line: on_event(event))
        elif sys.stderr.isatty():
            sinks.append(ProgressBar(self.config.max_steps or 0))
        return sinks

    def _train_in_workers(self, recipe: Recipe) -> TrainResult:
        run_dir = launch.private_run_dir()
        try:
            launch.write_payload(run_dir, {**recipe.parts(), "config": self.config})
            result = launch.launch(run_dir, self.config, self._sinks())
            trained = torch.load(run_dir / launch.MODEL, weights_only=True)
            recipe.model.load_state_dict(trained)
            return TrainResult(**result)
        finally:
            shutil.rmtree(run_dir, ignore_errors=True)


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
    if config.global_batch_size > 1 << 24:
        raise ConfigError(f"global_batch_size {config.global_batch_size} is no batch")


def train_here(
    recipe: Recipe, config: TrainConfig, sinks: list[Sink], run_dir: Path | None = None
) -> TrainResult:
    """Train as the one rank that this process is."""
    device = pick_device(config)
    with process_group(config, device):
        logs = _open_logs(config, run_dir)
        next_seq = max((log.next_seq for log in logs), default=1)
        if dist.get_rank() != 0:
            sinks = [lambda event, _line: logger.info("%s", event)]
        reporter = Reporter([*logs, *sinks], next_seq=next_seq)
        started = time.perf_counter()
        progress = Progress(status="failed")
        reason = None
        loop: Loop | None = None
        try:
            loop = _build_loop(recipe, config, device, (reporter, run_dir))
            progress = loop.run()
            loop.parts.replica.exchange.close()
            if run_dir is not None:
                _save_model(recipe.model, run_dir / launch.MODEL)
        except (RuntimeError, ValueError, OSError, ArithmeticError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
            progress.step = loop.progress.step if loop else 0
            raise
        finally:
            elapsed = time.perf_counter() - started
            finished = Finished(
                status=progress.status,
                step=progress.step,
                loss=progress.loss,
                elapsed_s=elapsed,
                reason=reason,
            )
            reporter.report(finished)
            reporter.close()
            for log in logs:
                log.close()
            if loop is not None and loop.parts.heartbeat is not None:
                loop.parts.heartbeat.close()
        return TrainResult(
            status=progress.status,
            step=progress.step,
            loss=progress.loss,
            elapsed_s=elapsed,
            world_size=dist.get_world_size(),
        )


def _open_logs(config: TrainConfig, run_dir: Path | None) -> list[EventLog]:
    """Open the files that keep the events: the run folder's and the configured one."""
    if dist.get_rank() != 0:
        return []
    paths = [run_dir / launch.EVENTS] if run_dir else []
    if config.log_path is not None:
        paths.append(Path(config.log_path))
    return [EventLog(path) for path in paths]


def _build_loop(
    recipe: Recipe,
    config: TrainConfig,
    device: torch.device,
    outputs: tuple[Reporter, Path | None],
) -> Loop:
    reporter, run_dir = outputs
    rank, world_size = dist.get_rank(), dist.get_world_size()
    if config.global_batch_size < world_size:
        raise ConfigError(
            f"global_batch_size {config.global_batch_size} is smaller than {world_size} "
            "ranks: each needs a sample, so raise it"
        )
    order = SampleOrder(len(recipe.dataset), DataPosition(seed=config.seed))
    checkpointer = None
    if config.checkpoint.dir is not None:
        checkpointer = Checkpointer(config.checkpoint, reporter.report)
    heartbeat = None
    state_dir = config.checkpoint.dir or run_dir
    if state_dir is not None and rank == 0:
        heartbeat = Heartbeat(Path(state_dir) / "heartbeat.bin")
    seed_all(mix_seed(config.seed, rank, 2))
    replica = wrap(recipe.model, recipe.loss, config, device)
    recipe.model.train()
    total_steps = count_steps(config, len(recipe.dataset))
    optimizer = _make_optimizer(recipe, config, device)
    fetcher = make_fetcher(recipe.dataset, recipe.collate, config.guard.max_bad_items)
    parts = Parts(
        config=config,
        device=device,
        replica=replica,
        optimizer=optimizer,
        scheduler=_make_scheduler(recipe, config, optimizer, total_steps),
        feed=Feed(
            fetcher,
            order,
            rank=rank,
            micro_batch_size=config.micro_batch_size,
            num_workers=config.num_workers,
        ),
        checkpointer=checkpointer,
        telemetry=open_telemetry(config.balance, rank, device),
        heartbeat=heartbeat,
        report=reporter.report,
        augment=recipe.augment,
        evaluate=recipe.evaluate,
    )
    if rank == 0:
        reporter.report(_started(recipe, replica, config, total_steps))
    return Loop(parts, total_steps)


def _started(
    recipe: Recipe, replica: Replica, config: TrainConfig, total_steps: int
) -> Started:
    device = next(replica.module.parameters()).device
    return Started(
        world_size=dist.get_world_size(),
        num_parameters=sum(p.numel() for p in replica.module.parameters()),
        num_samples=len(recipe.dataset),
        total_steps=total_steps,
        device=torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        strategy=config.parallel.strategy,
    )


def count_steps(config: TrainConfig, num_samples: int) -> int:
    """Updates in all: the smaller of max_steps and max_epochs; one epoch by default."""
    epochs = config.max_epochs or (None if config.max_steps else 1.0)
    steps = [config.max_steps] if config.max_steps else []
    if epochs:
        steps.append(math.ceil(epochs * num_samples / config.global_batch_size))
    return min(steps)


def _make_optimizer(
    recipe: Recipe, config: TrainConfig, device: torch.device
) -> torch.optim.Optimizer:
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
        return torch.optim.SGD(params, lr=config.lr)
    return torch.optim.AdamW(
        params,
        lr=config.lr,
        weight_decay=config.weight_decay,
        fused=device.type == "cuda",
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


def work(run_dir: Path) -> None:
    """Be one worker of a run folder: a payload from `train`, or a spec with an entry."""
    if (run_dir / launch.PAYLOAD).exists():
        recipe, config = _read_payload(run_dir)
    else:
        spec = RunSpec.read(run_dir)
        config, recipe = spec.config, call_entry(spec)
    result = train_here(recipe, config, [], run_dir)
    if os.environ.get("RANK") == "0":
        (run_dir / launch.RESULT).write_text(json.dumps(asdict(result)))


def _save_model(model: nn.Module, path: Path) -> None:
    """Write the whole trained weights, gathered from all shards; all ranks call it."""
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    state = get_model_state_dict(model, options=options)
    if dist.get_rank() == 0:
        torch.save(state, path)


def _read_payload(run_dir: Path) -> tuple[Recipe, TrainConfig]:
    worker = importlib.import_module("deepseek_optimizer.worker")
    script = json.loads((run_dir / "main.json").read_text())
    sys.argv = script["argv"]
    if script["path"] is not None:
        worker.read_main(script["path"])
    # Written a moment ago by the process that started this one.
    payload = torch.load(run_dir / launch.PAYLOAD, weights_only=False)
    config = payload.pop("config")
    return Recipe(**payload), config


def call_entry(spec: RunSpec) -> Recipe:
    """Build the recipe that a spec names.

    Raises:
        ConfigError: No such module or function, or it returns something else.
    """
    module, _, function = spec.entry.partition(":")
    try:
        entry = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"entry {spec.entry!r} cannot be imported: {error}"
        ) from error
    recipe = entry(**spec.args)
    if not isinstance(recipe, Recipe):
        raise ConfigError(f"entry {spec.entry!r} must return a Recipe, got {recipe!r}")
    check_recipe(recipe, spec.config)
    return recipe


def run(run_dir: Path) -> TrainResult:
    """Run a spec's training; events go to stdout as JSON lines and to events.jsonl."""
    spec = RunSpec.read(run_dir)
    sinks: list[Sink] = [JsonLines()]
    if not is_worker() and launch.num_local_processes(spec.config) > 1:
        return TrainResult(**launch.launch(run_dir, spec.config, sinks))
    return train_here(call_entry(spec), spec.config, sinks, run_dir)
