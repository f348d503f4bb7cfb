"""How one flat gradient becomes its mean over the group: one function a method.

Each takes the flat float32 vector x (already with the pending correction of earlier
steps added where the method keeps none of its own), leaves the mean in it, the same
bits on every rank, and writes what it did not send to the bucket's memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_optimizer.exchange import codec
from deepseek_optimizer.exchange.wire import Wire
from deepseek_optimizer.spec import CompressionConfig

BITS = {"int8": (8, 8), "fp16_quant": (8, 4), "int4": (4, 4)}
SAMPLE = 4096
Skips = Tensor | bool  # a tensor where the device alone knows


@dataclass(slots=True)
class Slot:
    """A tensor that lives from step to step, and its value if this step is kept."""

    current: Tensor
    following: Tensor
    is_written: bool = False

    def write(self) -> Tensor:
        self.is_written = True
        return self.following

    def settle(self, skips: Skips) -> None:
        """Take the following value unless `skips`."""
        if self.is_written and isinstance(skips, Tensor):
            torch.where(skips, self.current, self.following, out=self.following)
            self.commit()
        elif self.is_written and not skips:
            self.commit()
        self.is_written = False

    def commit(self) -> None:
        if self.is_written:
            self.current, self.following = self.following, self.current
            self.is_written = False


@dataclass(slots=True)
class Memory:
    """What a bucket remembers; nothing changes until the step is committed."""

    shapes: tuple[tuple[int, ...], ...] = ()
    slots: dict[str, Slot] = field(default_factory=dict)

    def slot(self, name: str, like: Tensor) -> Slot:
        """Return the slot; one of another size (another world's) is cut or padded."""
        slot = self.slots.get(name)
        if slot is None or slot.current.numel() != like.numel():
            fresh = Slot(torch.zeros_like(like), torch.zeros_like(like))
            if slot is not None:
                size = min(like.numel(), slot.current.numel())
                fresh.current.view(-1)[:size] = slot.current.view(-1)[:size]
            slot = self.slots[name] = fresh
        return slot

    def commit(self) -> None:
        for slot in self.slots.values():
            slot.commit()

    def settle(self, skips: Skips) -> None:
        for slot in self.slots.values():
            slot.settle(skips)

    def state_dict(self) -> dict[str, Tensor]:
        """Return what is kept, as copies on the CPU."""
        return {n: s.current.to("cpu", copy=True) for n, s in self.slots.items()}

    def load_state_dict(
        self, state: Mapping[str, Tensor], device: torch.device
    ) -> None:
        for name, value in state.items():
            self.slots[name] = Slot(
                value.to(device), torch.zeros_like(value, device=device)
            )


def reduce_plain(x: Tensor, wire: Wire, *_: object) -> None:
    wire.all_mean(x)


def reduce_half(
    x: Tensor, wire: Wire, _memory: Memory, config: CompressionConfig, _step: int
) -> None:
    """Send 16-bit floats; divided first, because a sum of halves overflows."""
    dtype = torch.float16 if config.kind == "fp16" else torch.bfloat16
    half = (x / wire.world_size).to(dtype)
    wire.all_reduce(half)
    x.copy_(half)


def reduce_quantised(
    x: Tensor, wire: Wire, memory: Memory, config: CompressionConfig, _step: int
) -> None:
    """Two-stage all-reduce of block-wise codes (ZeRO++'s qgZ, with error feedback).

    Every rank sends each other rank its part, coded; the receiver sums in float32,
    codes the mean again and gives it to all. Both codings feed their error back
    (Karimireddy et al., 2019; Tang et al., 2019).
    """
    (up, down), block, num_ranks = BITS[config.kind], config.block_size, wire.world_size
    size = codec.padded_length(len(x), num_rows=num_ranks, block=block)
    x_WC = F.pad(x, (0, num_ranks * size - len(x))).view(num_ranks, size)
    keep = config.error_feedback
    error_WC = memory.slot("error_up", x_WC).write().view_as(x_WC) if keep else None
    message = codec.encode(x_WC, bits=up, block=block, error_WC=error_WC)
    received = wire.all_to_all(message)
    mean_C = codec.decode(received, size, bits=up, block=block).sum(0)
    mean_1C = mean_C.div_(num_ranks).unsqueeze(0)

    error_down = memory.slot("error_down", mean_1C) if keep else None
    if error_down:
        mean_1C += error_down.current
    error_1C = error_down.write() if error_down else None
    message = codec.encode(mean_1C, bits=down, block=block, error_WC=error_1C)
    gathered = wire.all_gather(message[0])
    mean = codec.decode(gathered, size, bits=down, block=block).view(-1)
    x.copy_(mean[: len(x)])


def _sparse_velocity(
    x: Tensor, memory: Memory, config: CompressionConfig
) -> tuple[Tensor, Tensor]:
    """Momentum correction: accumulate velocities, not gradients, until they are sent."""
    momentum, velocity = memory.slot("momentum", x), memory.slot("velocity", x)
    u = torch.add(x, momentum.current, alpha=config.momentum, out=momentum.write())
    v = torch.add(velocity.current, u, out=velocity.write())
    return u, v


def _send_sparse(
    index: Tensor, u: Tensor, v: Tensor, x: Tensor, wire: Wire, num_sent: int
) -> None:
    """Exchange the chosen entries, padded to `num_sent`, and mask what was sent."""
    message = torch.zeros(num_sent * 6 + num_sent % 2 * 2, dtype=torch.uint8)
    message = message.to(x.device)
    indices = message[: num_sent * 4].view(torch.int32)
    values = message[num_sent * 4 : num_sent * 6].view(torch.float16)
    peak = torch.linalg.vector_norm(v, ord=torch.inf).clamp_min(1e-38)
    indices[: len(index)] = index.int()
    values[: len(index)] = (v[index] / peak).half()
    v[index] -= values[: len(index)].float() * peak
    u[index] = 0.0
    peaks = wire.all_gather(peak.view(1))
    x.zero_()
    for row, top in zip(wire.all_gather(message), peaks, strict=True):
        where = row[: num_sent * 4].view(torch.int32).long()
        value = row[num_sent * 4 : num_sent * 6].view(torch.float16).float()
        x.index_add_(0, where, value * (top / wire.world_size))


def density_at(config: CompressionConfig, step: int) -> float:
    """Share sent at a step: from a quarter down to `density` over the warm-up."""
    if step >= config.warmup_steps:
        return config.density
    part = (step + 1) / (config.warmup_steps + 1)
    return float(min(0.25, 0.25 * (config.density / 0.25) ** part))


def reduce_topk(
    x: Tensor, wire: Wire, memory: Memory, config: CompressionConfig, step: int
) -> None:
    """Deep Gradient Compression (Lin et al., 2018) with an exact top-k a bucket."""
    u, v = _sparse_velocity(x, memory, config)
    num_sent = max(1, math.ceil(len(x) * density_at(config, step)))
    index = torch.topk(v.abs(), num_sent, sorted=False).indices
    _send_sparse(index, u, v, x, wire, num_sent)


def reduce_threshold(
    x: Tensor, wire: Wire, memory: Memory, config: CompressionConfig, step: int
) -> None:
    """The same with a threshold estimated on a sample, as that paper does on GPUs."""
    u, v = _sparse_velocity(x, memory, config)
    size = v.abs()
    sample = size[:: max(1, len(x) // SAMPLE)]
    density = density_at(config, step)
    wanted = max(1, math.ceil(len(sample) * density))
    threshold = torch.topk(sample, wanted, sorted=False).values.min()
    index = torch.nonzero(size >= threshold).flatten()
    limit = max(1, math.ceil(2 * len(x) * density))
    if len(index) > limit:
        index = index[torch.topk(size[index], limit, sorted=False).indices]
    most = torch.tensor([len(index)], device=x.device)
    wire.all_max(most)
    _send_sparse(index, u, v, x, wire, int(most.item()))


def reduce_powersgd(
    x: Tensor, wire: Wire, memory: Memory, config: CompressionConfig, _step: int
) -> None:
    """PowerSGD (Vogels et al., 2019): one power iteration a step, warm-started."""
    error = memory.slot("error_up", x)
    views, q_list, offset = [], [], 0
    for index, shape in enumerate(memory.shapes):
        matrix = x[offset : offset + math.prod(shape)]
        offset += math.prod(shape)
        if len(shape) < 2:
            continue
        matrix = matrix.view(shape[0], -1)
        rank = min(config.rank, *matrix.shape)
        start = torch.Generator().manual_seed(index)
        slot = memory.slots.get(f"q{index}")
        if slot is None:
            q = torch.randn(matrix.shape[1], rank, generator=start).to(x.device)
            slot = memory.slots[f"q{index}"] = Slot(q, torch.empty_like(q))
        views.append(matrix)
        q_list.append(slot)
    p_list = _mean_of([m @ q.current for m, q in zip(views, q_list, strict=True)], wire)
    p_list = [torch.linalg.qr(p)[0] for p in p_list]
    new_q = _mean_of([m.T @ p for m, p in zip(views, p_list, strict=True)], wire)
    kept = error.write().copy_(x)
    for matrix, p, q, slot in zip(views, p_list, new_q, q_list, strict=True):
        slot.write().copy_(q)
        torch.matmul(p, q.T, out=matrix)
    kept.sub_(x)


def _mean_of(parts: list[Tensor], wire: Wire) -> list[Tensor]:
    if not parts:
        return []
    flat = torch.cat([part.reshape(-1) for part in parts])
    wire.all_reduce(flat)
    flat.div_(wire.world_size)
    sizes = [part.numel() for part in parts]
    return [f.view_as(p) for f, p in zip(flat.split(sizes), parts, strict=True)]


Reducer = Callable[[Tensor, Wire, Memory, CompressionConfig, int], None]
REDUCERS: dict[str, Reducer] = {
    "none": reduce_plain,
    "fp16": reduce_half,
    "bf16": reduce_half,
    "fp16_quant": reduce_quantised,
    "int8": reduce_quantised,
    "int4": reduce_quantised,
    "powersgd": reduce_powersgd,
    "topk": reduce_topk,
    "threshold": reduce_threshold,
}
