import collections

import torch
from torch import nn

from deepseek_optimizer.events import RegionCompiled
from deepseek_optimizer.regions import repeated_blocks
from tests.unit.deepseek_optimizer.toys import train


def _regions(events):
    return [event for event in events if isinstance(event, RegionCompiled)]


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x):
        return self.linear(x)


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.blocks = nn.Sequential(Block(), Block())
        self.head = nn.Linear(8, 1)

    def forward(self, x, y):
        return (self.head(self.blocks(x)) - y).square().mean()


def test_of_blocks_inside_blocks_only_the_outer_are_regions():
    stages = nn.Sequential(*(nn.Sequential(Block(), Block()) for _ in range(2)))

    assert list(repeated_blocks(stages)) == ["0", "1"]


def test_a_region_that_does_not_compile_runs_eagerly_and_says_so(monkeypatch):
    def refuse(function):
        def compiled(*args):
            raise RuntimeError("no kernel for this")

        return compiled

    monkeypatch.setattr(torch, "compile", refuse)
    eager, _ = train(8, model=Tower(), compile="off")

    fallen, events = train(8, model=Tower(), compile="regional")

    assert torch.equal(eager, fallen)
    assert [(e.region, e.num_blocks, e.fallback_reason) for e in _regions(events)] == [
        ("Block", 2, "RuntimeError: no kernel for this")
    ]


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.out = nn.LayerNorm(8), nn.Linear(8, 1)

    def forward(self, x, y):
        return (self.out(self.norm(x)) - y).square().mean()


class Pyramid(nn.Module):
    """Two blocks of one shape, and one that works at half the size."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.levels = nn.ModuleList([Block(), Block(), Block()])
        self.head = Head()

    def forward(self, x, y):
        half = self.levels[2](x[::2]).mean()
        return self.head(self.levels[1](self.levels[0](x)) + half, y)


def _count_calls(monkeypatch):
    calls = collections.Counter()

    def count(function):
        def compiled(*args):
            calls[type(function.__self__).__name__] += 1
            return function(*args)

        return compiled

    monkeypatch.setattr(torch, "compile", count)
    return calls


def test_blocks_of_the_same_shapes_and_the_head_beside_them_are_compiled(monkeypatch):
    calls = _count_calls(monkeypatch)

    _, events = train(8, model=Pyramid(), compile="regional")

    # Five steps are left; a block's first call only tells its shapes.
    assert calls == {"Head": 5, "Block": 2 * 4}
    assert all(e.fallback_reason is None for e in _regions(events))


def test_blocks_of_which_no_two_have_the_same_shapes_stay_eager(monkeypatch):
    calls = _count_calls(monkeypatch)
    model = Pyramid()
    model.levels[1].linear = nn.Linear(8, 8, bias=False)

    _, events = train(8, model=model, compile="regional")

    assert calls == {"Head": 5}
    assert [
        (e.region, e.num_blocks, e.fallback_reason)
        for e in _regions(events)
        if e.fallback_reason
    ] == [("Block", 3, "no two of them have the same shapes")]
