"""A small task, and the trainer run on it, alone or as ranks of a world."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.utils.data import Dataset, TensorDataset

from deepseek_optimizer import DistributedTrainer
from deepseek_optimizer.events import Event


class Net(nn.Module):
    def __init__(self, width: int = 24) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.Sequential(
            nn.Linear(8, width), nn.Tanh(), nn.Dropout(0.1), nn.Linear(width, 1)
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.layers(x) - y).square().mean()


class Numbered(Dataset[tuple[Tensor, Tensor]]):
    """Items that note, in this process, which of them were read."""

    def __init__(self, size: int = 100, *, bad: tuple[int, ...] = ()) -> None:
        self.size, self.bad, self.seen = size, bad, []

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if index in self.bad:
            raise OSError(f"picture {index} is broken")
        self.seen.append(index)
        x = torch.randn(8, generator=torch.Generator().manual_seed(index))
        return x, x.sum().view(1)


class Plain(nn.Module):
    """No dropout, so that any split of the batch gives the same gradient."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.layers(x) - y).square().mean()


def toy_data(size: int = 100) -> TensorDataset:
    x = torch.randn(size, 8, generator=torch.Generator().manual_seed(0))
    return TensorDataset(x, x.sum(1, keepdim=True))


def weights(model: nn.Module) -> Tensor:
    whole = [
        p.full_tensor() if isinstance(p, DTensor) else p for p in model.parameters()
    ]
    return torch.cat([p.detach().flatten() for p in whole]).cpu()


def train(
    steps: int,
    folder: str | Path | None = None,
    *,
    model: nn.Module | None = None,
    dataset: Any = None,
    options: dict[str, Any] | None = None,
    **config: Any,
) -> tuple[Tensor, list[Event]]:
    """Train and return the weights and this rank's events."""
    events: list[Event] = []
    whole: dict[str, Any] = {
        "global_batch_size": 12,
        "max_steps": steps,
        "lr": 0.01,
        "gradient_compression": "none",
        **config,
    }
    if folder is not None:
        saving = {"dir": str(folder), "every_steps": 10, "adapt": False}
        whole["checkpoint"] = {**saving, **config.get("checkpoint", {})}
    model = model or Net()
    trainer = DistributedTrainer(whole, on_event=events.append)
    trainer.train(model, dataset or toy_data(), **(options or {}))
    return weights(model), events
