"""The front door: `DistributedTrainer(config).train(model, dataset)`."""

from __future__ import annotations

import importlib
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
)

from deepseek_optimizer import launch
from deepseek_optimizer.building import (
    MakeOptimizer,
    MakeScheduler,
    Recipe,
    build_loop,
    check_recipe,
)
from deepseek_optimizer.data import Collate, MapDataset
from deepseek_optimizer.errors import ConfigError
from deepseek_optimizer.events import Event, Finished
from deepseek_optimizer.loop import Loop
from deepseek_optimizer.parallel import Loss, is_worker, pick_device, process_group
from deepseek_optimizer.reporting import (
    EventLog,
    JsonLines,
    ProgressBar,
    Reporter,
    Sink,
)
from deepseek_optimizer.spec import RunSpec, TrainConfig
from deepseek_optimizer.state import Progress
from deepseek_optimizer.worker import MAIN_IMPORT, ReachedTrainError

logger = logging.getLogger(__name__)


class Options(TypedDict, total=False):
    """What `train` takes beside model and dataset; see `Recipe`."""

    loss: Loss | None
    optimizer: MakeOptimizer | None
    scheduler: MakeScheduler | None
    collate: Collate | None
    augment: Callable[[Any], Any] | None
    evaluate: Callable[[nn.Module], Mapping[str, float]] | None
    after_update: Callable[[nn.Module], None] | None
    finish: Callable[[nn.Module], None] | None


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
            loop = build_loop(recipe, config, device, reporter.report, run_dir)
            progress = loop.run()
            loop.state.replica.exchange.close()
            if run_dir is not None:
                _save_model(recipe.model, run_dir / launch.MODEL)
            if recipe.finish is not None and dist.get_rank() == 0:
                recipe.finish(recipe.model)
        except (RuntimeError, ValueError, OSError, ArithmeticError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
            progress.step = loop.state.progress.step if loop else 0
            raise
        finally:
            result = TrainResult(
                status=progress.status,
                step=progress.step,
                loss=progress.loss,
                elapsed_s=time.perf_counter() - started,
                world_size=dist.get_world_size(),
            )
            reporter.report(
                Finished(
                    status=result.status,
                    step=result.step,
                    loss=result.loss,
                    elapsed_s=result.elapsed_s,
                    reason=reason,
                )
            )
            reporter.close()
            for log in logs:
                log.close()
            if loop is not None:
                loop.outputs.recovery.close()
        return result


def _open_logs(config: TrainConfig, run_dir: Path | None) -> list[EventLog]:
    """Open the files that keep the events: the run folder's and the configured one."""
    if dist.get_rank() != 0:
        return []
    paths = [run_dir / launch.EVENTS] if run_dir else []
    if config.log_path is not None:
        paths.append(Path(config.log_path))
    return [EventLog(path) for path in paths]


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
    if isinstance(recipe, Mapping):
        # A package that does not know this one names the parts.
        recipe = Recipe(**recipe)
    if not isinstance(recipe, Recipe):
        raise ConfigError(
            f"entry {spec.entry!r} must return a Recipe or a mapping of its parts, got "
            f"{recipe!r}"
        )
    check_recipe(recipe, spec.config)
    return recipe


def run(run_dir: Path) -> TrainResult:
    """Run a spec's training; events go to stdout as JSON lines and to events.jsonl."""
    spec = RunSpec.read(run_dir)
    sinks: list[Sink] = [JsonLines()]
    if not is_worker() and launch.num_local_processes(spec.config) > 1:
        return TrainResult(**launch.launch(run_dir, spec.config, sinks))
    return train_here(call_entry(spec), spec.config, sinks, run_dir)
