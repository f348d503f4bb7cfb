"""The trainer's own cost: a step of a tiny model, a slow listener, checkpoints."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from deepseek_optimizer import DistributedTrainer
from deepseek_optimizer.events import CheckpointSaved
from tests.bench.rows import Row

PAGE = "benchmarks-trainer.md"
WARMUP = 50


class Timed(nn.Module):
    """A regression that notes when each of its forward passes begins."""

    def __init__(self, width: int, depth: int = 1) -> None:
        super().__init__()
        torch.manual_seed(0)
        layers = [nn.Linear(width, width) for _ in range(depth)]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))
        self.begun: list[float] = []

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.begun.append(time.perf_counter())
        return (self.layers(x) - y).square().mean()

    def step_us(self) -> float:
        settled = self.begun[WARMUP:]
        return 1e6 * (settled[-1] - settled[0]) / (len(settled) - 1)


def data(width: int) -> TensorDataset:
    x = torch.randn(256, width, generator=torch.Generator().manual_seed(0))
    return TensorDataset(x, x.sum(1, keepdim=True))


def trained(model: Timed, steps: int, on_event: Any = str, **config: object) -> Timed:
    base = {"global_batch_size": 8, "max_steps": steps, "gradient_compression": "none"}
    trainer = DistributedTrainer({**base, **config}, on_event=on_event)
    trainer.train(model, data(model.layers[0].in_features))
    return model


def bare(model: Timed, steps: int) -> Timed:
    """The same steps by hand, reading batches through torch's loader as it is."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    dataset = data(model.layers[0].in_features)
    while len(model.begun) < steps:
        loader = torch.utils.data.DataLoader(dataset, batch_size=8, shuffle=True)
        for x, y in loader:
            loss = model(x, y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            loss.item()
    return model


def measure() -> Iterator[Row]:
    torch.set_num_threads(1)
    own, hand = [], []
    for _ in range(5):
        hand.append(bare(Timed(8), 800).step_us())
        own.append(trained(Timed(8), 800).step_us())
    extra = statistics.median(a - b for a, b in zip(own, hand, strict=True))
    yield Row(
        what="a step of a tiny model beyond a bare loop's",
        value=extra,
        unit="us",
        goal=200,
    )

    ratios = []
    listeners: dict[str, Any] = {"quick": str, "slow": lambda _: time.sleep(1.0)}
    for number in range(6):  # whichever comes first in a round has it easier
        order = list(listeners)[:: -1 if number % 2 else 1]
        took = {
            name: trained(Timed(256, 6), 600, listeners[name]).step_us()
            for name in order
        }
        ratios.append(100 * (took["slow"] / took["quick"] - 1))
    slower = statistics.median(ratios)
    yield Row(
        what="slower where a listener sleeps 1 s an event",
        value=slower,
        unit="%",
        goal=1,
    )

    saved: list[CheckpointSaved] = []

    def keep(event: object) -> None:
        if isinstance(event, CheckpointSaved):
            saved.append(event)

    with tempfile.TemporaryDirectory() as folder:
        model = trained(
            Timed(1024, 4), 1200, keep, checkpoint={"dir": folder, "interval_s": 3600.0}
        )
    spent = model.begun[-1] - model.begun[0]
    share = 100 * sum(e.blocked_ms for e in saved) / 1e3 / spent
    about = f"time that {len(saved)} checkpoints of {saved[0].num_bytes / 1e6:.0f} MB held the loop"
    yield Row(what=about, value=share, unit="%", goal=3.5)
