"""The trainer's CUDA paths on one device: side stream, NCCL, autocast, resume."""

import functools

import pytest
import torch
import torch.distributed as dist
from torch import nn

from deepseek_optimizer import DistributedTrainer
from deepseek_optimizer.errors import NonFiniteLossError
from deepseek_optimizer.events import GuardActed, RegionCompiled, StepDone
from deepseek_optimizer.exchange import codec
from deepseek_optimizer.exchange.engine import Exchange, Links
from deepseek_optimizer.exchange.wire import Wire
from deepseek_optimizer.spec import CompressionConfig

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture
def nccl():
    store = dist.HashStore()
    dist.init_process_group("cpu:gloo,cuda:nccl", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize(
    ("kind", "limit"),
    [("none", 0.0), ("fp16", 1e-3), ("bf16", 5e-3), ("int8", 0.02), ("fp16_quant", 0.15),
     ("int4", 0.25), ("topk", 0.8), ("threshold", 0.8)],
)  # fmt: skip
def test_every_method_runs_on_a_side_stream_over_nccl(nccl, kind, limit):
    exchange = Exchange(
        Links(world=Wire(dist.new_group())), CompressionConfig(kind=kind, density=0.5)
    )
    x = torch.randn(1 << 20, device="cuda")
    want = x.clone()

    for _ in range(3):
        x.copy_(want)
        got = exchange.submit(0, x, ((1 << 17, 8),)).wait()
        exchange.settle(torch.ones((), dtype=torch.bool, device="cuda"))

    assert ((got - want).norm() / want.norm()).item() <= limit


def test_codes_are_the_same_bytes_on_both_devices():
    x = torch.randn(2, 1 << 16)

    for bits in (8, 4):
        here = codec.encode(x, bits=bits, block=256)
        there = codec.encode(x.cuda(), bits=bits, block=256).cpu()

        assert torch.equal(here, there)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        make = lambda: nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Dropout(0.1))  # noqa: E731
        self.blocks = nn.Sequential(*(make() for _ in range(4)))
        self.head = nn.Linear(64, 1)

    def forward(self, x, y):
        return (self.head(self.blocks(x)) - y).square().mean()


def _train(steps, folder, *, model=None, options=None, **config):
    torch.manual_seed(1)
    x = torch.randn(512, 64)
    dataset = torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True) / 8)
    events = []
    config = {
        "global_batch_size": 64,
        "max_steps": steps,
        "checkpoint": {"dir": str(folder), "every_steps": 10, "adapt": False},
        **config,
    }
    model = model or Net()
    trainer = DistributedTrainer(config, on_event=events.append)
    trainer.train(model, dataset, **(options or {}))
    return torch.cat([p.detach().cpu().flatten() for p in model.parameters()]), events


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_resumed_run_is_bit_equal_in_every_precision(tmp_path, precision):
    options = {"precision": precision, "compile": "off"}
    straight, events = _train(30, tmp_path / "a", **options)
    _train(20, tmp_path / "b", **options)
    resumed, _ = _train(30, tmp_path / "b", **options)

    assert torch.equal(straight, resumed)
    assert any(isinstance(e, StepDone) and e.loss < 2 for e in events)


def test_regions_are_compiled_after_the_first_steps(tmp_path):
    _, events = _train(10, tmp_path, compile="regional")

    compiled = [e for e in events if isinstance(e, RegionCompiled)]
    assert [(e.region, e.num_blocks, e.fallback_reason) for e in compiled] == [
        ("Sequential", 4, None)
    ]


class Poisoned(Net):
    """Returns NaN in one call."""

    def __init__(self, call):
        super().__init__()
        self.call, self.count = call, 0

    def forward(self, x, y):
        self.count += 1
        loss = super().forward(x, y)
        return loss * float("nan") if self.count == self.call else loss


@pytest.mark.parametrize("optimizer", ["fused", "plain"])
def test_a_nan_is_skipped_on_the_device_before_the_host_knows(tmp_path, optimizer):
    options = {}
    if optimizer == "plain":
        options["optimizer"] = functools.partial(torch.optim.SGD, lr=0.01, momentum=0.9)

    state, events = _train(12, tmp_path, model=Poisoned(5), options=options)

    assert state.isfinite().all()
    assert [(e.step, e.action) for e in events if isinstance(e, GuardActed)] == [
        (5, "skip")
    ]
    assert events[-1].step == 12


def test_a_nan_rolls_back_though_later_steps_are_on_their_way(tmp_path):
    guard = {"on_nonfinite": "rollback"}

    state, events = _train(20, tmp_path, model=Poisoned(15), guard=guard)

    assert state.isfinite().all()
    assert [e.action for e in events if isinstance(e, GuardActed)] == ["rollback"]
    assert events[-1].step == 20


def test_a_fatal_nan_ends_the_run_by_name(tmp_path):
    with pytest.raises(NonFiniteLossError, match="step 3: loss nan"):
        _train(9, tmp_path, model=Poisoned(3), guard={"on_nonfinite": "stop"})
