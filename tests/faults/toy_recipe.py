"""The recipe that the fault tests' child runs name as their entry."""

import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from deepseek_optimizer import Recipe


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, index: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (self.layers(x) - y).square().mean() + 0 * index.sum()


class Slow(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Each read takes a moment and is noted in a file of the reading process."""

    def __init__(self, notes: str, delay_s: float) -> None:
        self.notes, self.delay_s = Path(notes), delay_s

    def __len__(self) -> int:
        return 1000

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        time.sleep(self.delay_s)
        x = torch.randn(8, generator=torch.Generator().manual_seed(index))
        return torch.tensor(index), x, x.sum().view(1)


def build(notes: str, delay_s: float = 0.002) -> Recipe:
    return Recipe(model=Net(), dataset=Slow(notes, delay_s))
