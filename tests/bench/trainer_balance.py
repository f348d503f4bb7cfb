"""Shares that move: a worker of half speed, and one that heats up (scripted sensors)."""

import functools
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from deepseek_optimizer import DistributedTrainer
from deepseek_optimizer.events import SharesChanged
from tests.bench.rows import Row
from tests.unit.deepseek_optimizer.ranks import run_ranks

PAGE = "benchmarks-trainer.md"
SAMPLE_S = 0.002


class Waiting(nn.Module):
    """Takes a fixed time a sample, so that a busy machine does not blur the shares."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)
        self.begun: list[float] = []

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.begun.append(time.perf_counter())
        time.sleep(SAMPLE_S * len(x))
        return (self.layer(x) - y).square().mean()


def _train(script: str, strategy: str, steps: int) -> tuple[float, list[Any]]:
    events: list[Any] = []
    config = {
        "global_batch_size": 48,
        "max_steps": steps,
        "gradient_compression": "none",
        "balance": {
            "strategy": strategy,
            "update_every_steps": 5,
            "replay_path": script,
        },
    }
    x = torch.randn(480, 4, generator=torch.Generator().manual_seed(0))
    trainer = DistributedTrainer(config, on_event=events.append)
    model = Waiting()
    trainer.train(model, TensorDataset(x, x.sum(1, keepdim=True)))
    settled = model.begun[-1] - model.begun[steps // 2]
    return settled, [e.shares for e in events if isinstance(e, SharesChanged)]


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.json"
        script.write_text(json.dumps([[{}], [{"slowdown": 2.0}]]))
        run = functools.partial(run_ranks, _train, 2, str(script))
        equal = run("none", 80)[0][0]
        moved, shares = run("throughput", 80)[0]
        yield Row(
            what=f"a half-speed worker: speed over equal shares (ends at {shares[-1]})",
            value=equal / moved, unit="x", goal=1.35, is_more_better=True,
        )  # fmt: skip
        hot = [{"temperature_c": 60}, {"step": 18, "temperature_c": 87}]
        script.write_text(json.dumps([[{"temperature_c": 60}], hot]))
        shares = run("thermal_aware", 60)[0][1]
        path = [share for _, share in shares]
        yield Row(
            what=f"a heating worker: updates until half its work is shed ({path} of 48)",
            value=next(i for i, s in enumerate(path, 1) if s <= 18), unit="updates", goal=2,
        )  # fmt: skip
        swing = 100 * (max(path[1:] or path) - min(path[1:] or path)) / 24
        yield Row(what="and its swing after that", value=swing, unit="%", goal=10)
