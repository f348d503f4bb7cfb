# ruff: noqa: N806 -- x_WC: names end in their logical shape

import itertools
import math

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from deepseek_optimizer.exchange import codec
from deepseek_optimizer.exchange.engine import Exchange, Links, ddp_hook, merge_states
from deepseek_optimizer.exchange.wire import Wire
from deepseek_optimizer.spec import CompressionConfig
from tests.unit.deepseek_optimizer.ranks import run_ranks

KINDS = [
    "none", "fp16", "bf16", "fp16_quant", "int8", "int4", "powersgd", "topk",
    "threshold",
]  # fmt: skip


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1.0, 1e30])
def test_a_code_is_within_half_a_step_of_the_value_at_any_magnitude(bits, scale):
    x_WC = torch.randn(3, 1024, generator=torch.Generator().manual_seed(0)) * scale
    error_WC = torch.empty_like(x_WC)

    message = codec.encode(x_WC, bits=bits, block=256, error_WC=error_WC)
    decoded = codec.decode(message, 1024, bits=bits, block=256)

    peak = x_WC.view(3, 4, 256).abs().amax(-1, keepdim=True)
    half_step = (peak / codec.LEVELS[bits] / 2 * 1.002).expand(3, 4, 256).reshape(3, -1)
    assert ((decoded - x_WC).abs() <= half_step).all()
    assert torch.allclose(decoded + error_WC, x_WC, rtol=1e-5, atol=1e-7 * scale)


def test_a_row_of_zeros_and_one_large_value_survive_coding():
    x_WC = torch.zeros(2, 64)
    x_WC[1, 7] = 3e4

    for bits in (8, 4):
        message = codec.encode(x_WC, bits=bits, block=32)
        decoded = codec.decode(message, 64, bits=bits, block=32)

        assert torch.equal(decoded[0], x_WC[0])
        assert decoded[1, 7] == pytest.approx(3e4, rel=2e-3)
        assert decoded.count_nonzero() == 1


def test_messages_have_the_promised_length():
    x_WC = torch.randn(1, 1 << 16)

    int8 = codec.encode(x_WC, bits=8, block=256)
    int4 = codec.encode(x_WC, bits=4, block=256)

    assert int8.shape == (1, 4 + 2 * 256 + 65536)
    assert int4.shape == (1, 4 + 2 * 256 + 32768)


def _exchange(kind, **options):
    config = CompressionConfig(kind=kind, **options)
    return Exchange(Links(world=Wire(dist.new_group())), config)


def _mean_of_random(kind, size):
    exchange = _exchange(kind, warmup_steps=0, density=0.5)
    rank = dist.get_rank()
    x = torch.randn(size, generator=torch.Generator().manual_seed(rank))
    parts = [
        torch.randn(size, generator=torch.Generator().manual_seed(r))
        for r in range(dist.get_world_size())
    ]
    true_mean = torch.stack(parts).mean(0)
    exchange.submit(0, x, ((size // 8, 8),)).wait()
    error = (x - true_mean).norm() / true_mean.norm()
    return x, error.item(), exchange.bytes_sent


def _means_of_random(kinds, size):
    return {kind: _mean_of_random(kind, size) for kind in kinds}


LIMITS = {
    "none": 1e-6, "fp16": 1e-3, "bf16": 5e-3, "int8": 0.02, "fp16_quant": 0.15,
    "int4": 0.25, "topk": 0.8, "threshold": 0.8, "powersgd": 1.0,
}  # fmt: skip


@pytest.mark.parametrize("world_size", [2, 3])
def test_every_method_gives_all_ranks_the_same_mean(world_size):
    ranks = run_ranks(_means_of_random, world_size, list(LIMITS), 4000)

    for kind, limit in LIMITS.items():
        first, error, _ = ranks[0][kind]
        assert all(torch.equal(first, answers[kind][0]) for answers in ranks)
        assert error <= limit, kind


@pytest.mark.parametrize("world_size", [2, 4])
def test_compressed_bytes_keep_their_ratio_at_any_world_size(world_size):
    size = 1 << 18
    bars = {"none": 1.0, "fp16": 0.505, "int8": 0.26, "fp16_quant": 0.20, "int4": 0.135}

    answers = run_ranks(_means_of_random, world_size, list(bars), size)[0]

    plain = answers["none"][2]
    assert plain == 8 * size * (world_size - 1) // world_size
    for kind, bar in bars.items():
        assert answers[kind][2] / plain <= bar, kind


def _quadratic(kind, error_feedback):
    """Steady small gradients beside one noisy coordinate of the same block."""
    exchange = _exchange(kind, error_feedback=error_feedback == "on", min_tensor_ndim=1)
    noise = torch.Generator().manual_seed(dist.get_rank())
    x = torch.full((256,), 1.0)
    for _ in range(800):
        gradient = 0.05 * x
        gradient[0] = 20 * torch.randn((), generator=noise)
        exchange.reduce(0, gradient, ((256,),))
        exchange.commit()
        x[1:] -= 0.05 * gradient[1:]
    return x[1:].abs().mean().item()


def _three_quadratics():
    runs = (("none", "on"), ("int4", "on"), ("int4", "off"))
    return [_quadratic(kind, feedback) for kind, feedback in runs]


def test_error_feedback_keeps_small_gradients_beside_a_noisy_one():
    plain, with_feedback, without = run_ranks(_three_quadratics, 2)[0]

    assert with_feedback <= 1.05 * plain + 0.02
    assert without > 0.5


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        widths = [16, 64, 64, 64, 4]
        self.layers = nn.Sequential(
            *(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        )

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return x


def _train_with_hook(kind, num_steps):
    exchange = _exchange(kind, warmup_steps=4, density=0.05)
    net = Net()
    model = DistributedDataParallel(net, bucket_cap_mb=0.01)
    model.register_comm_hook(exchange, ddp_hook)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    data = torch.Generator().manual_seed(1 + dist.get_rank())
    for _ in range(num_steps):
        x = torch.randn(8, 16, generator=data)
        loss = (model(x) - x[:, :4]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        exchange.commit()
    weights = torch.cat([p.detach().flatten() for p in net.parameters()])
    return loss.item(), weights


def _train_with_every_hook():
    return {kind: _train_with_hook(kind, 200) for kind in KINDS}


def test_ranks_stay_bit_equal_over_200_steps_with_many_buckets():
    one, other = run_ranks(_train_with_every_hook, 2)

    for kind in KINDS:
        assert torch.equal(one[kind][1], other[kind][1]), kind
        assert max(one[kind][0], other[kind][0]) < 0.9, kind


def _skip_a_nan(kind, skips):
    exchange = _exchange(kind)
    x = torch.randn(600, generator=torch.Generator().manual_seed(dist.get_rank()))
    exchange.reduce(0, x.clone(), ((75, 8),))
    exchange.commit()
    before = exchange.state_dict()["buckets"][0]["slots"]
    exchange.reduce(0, torch.full((600,), math.nan), ((75, 8),))
    exchange.settle(skips)
    after = exchange.state_dict()["buckets"][0]["slots"]
    return before, after


@pytest.mark.parametrize(
    "skips", [True, torch.ones((), dtype=torch.bool)], ids=["host", "device"]
)
@pytest.mark.parametrize("kind", ["int8", "fp16_quant", "powersgd", "topk"])
def test_a_discarded_step_leaves_no_nan_in_the_residuals(kind, skips):
    for before, after in run_ranks(_skip_a_nan, 2, kind, skips):
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)


def _pending_of_two_ranks():
    exchange = _exchange("fp16_quant")
    x = torch.randn(600, generator=torch.Generator().manual_seed(dist.get_rank()))
    mean = x.clone()
    exchange.reduce(0, mean, ((75, 8),))
    exchange.commit()
    return x, mean, exchange.state_dict()


def _flush(state):
    exchange = _exchange("none")
    exchange.load_state_dict({**state, "kind": "none"}, torch.device("cpu"))
    x = torch.zeros(600)
    exchange.reduce(0, x, ((75, 8),))
    return x


@pytest.mark.parametrize("new_world_size", [1, 3])
def test_another_world_size_owes_exactly_what_the_old_one_did(new_world_size):
    answers = run_ranks(_pending_of_two_ranks, 2)
    true_mean = torch.stack([x for x, _, _ in answers]).mean(0)
    owed = true_mean - answers[0][1]
    state = merge_states([s for _, _, s in answers])

    flushed = run_ranks(_flush, new_world_size, state)

    assert all(torch.allclose(x, owed, atol=1e-6) for x in flushed)


def _hierarchical(kind):
    mesh = torch.distributed.device_mesh.init_device_mesh(
        "cpu", (2, 2), mesh_dim_names=("outer", "inner")
    )
    links = Links(
        world=Wire(dist.new_group()),
        inner=Wire(mesh.get_group("inner")),
        outer=Wire(mesh.get_group("outer")),
    )
    exchange = Exchange(links, CompressionConfig(kind=kind))
    size = 1 << 16
    x = torch.randn(size, generator=torch.Generator().manual_seed(dist.get_rank()))
    parts = [
        torch.randn(size, generator=torch.Generator().manual_seed(r)) for r in range(4)
    ]
    exchange.reduce(0, x, ((size // 8, 8),))
    error = (x - torch.stack(parts).mean(0)).norm() / torch.stack(parts).mean(0).norm()
    return x, error.item(), exchange.outgoing_bytes


@pytest.mark.parametrize(("kind", "limit"), [("int8", 0.18), ("fp16_quant", 0.10)])
def test_two_hosts_of_two_send_a_fraction_across(kind, limit):
    answers = run_ranks(_hierarchical, 4, kind)
    # Flat fp32 sends, over a ring, from each host what one rank sends to its neighbour.
    flat = 8 * (1 << 16) * 3 // 4

    assert all(torch.equal(answers[0][0], x) for x, _, _ in answers)
    assert answers[0][1] < 0.2
    assert 2 * answers[0][2] / flat <= 2 * limit
