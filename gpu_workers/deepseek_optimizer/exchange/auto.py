"""The `auto` compression: measure the link, try what may pay, keep what is fastest.

A fixed compression is a bet on the network. Here the link and each codec are timed once
(bytes over bandwidth plus codec time rules out the hopeless), the rest run for a few real
steps each, and the fastest stays until the next check. All ranks decide from the same
numbers: the slowest rank's times.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from deepseek_optimizer.exchange import codec
from deepseek_optimizer.exchange.engine import Exchange
from deepseek_optimizer.exchange.reducers import BITS
from deepseek_optimizer.exchange.wire import Wire
from deepseek_optimizer.spec import Compression

PROBE_BYTES = 1 << 18
TRIAL_STEPS = 4
# A trial of something this much slower by prediction costs more than it can teach.
HOPELESS = 1.6


@dataclass(frozen=True, slots=True)
class Link:
    """What a probe found: bytes a second of one rank's sending, seconds a message."""

    bytes_per_s: float
    latency_s: float


def probe_link(wire: Wire, device: torch.device) -> Link:
    """Time all-reduces of 4 bytes and of `PROBE_BYTES`; the slowest rank counts."""
    small = torch.zeros(1, device=device)
    large = torch.zeros(PROBE_BYTES // 4, device=device)
    latency = _slowest(wire, min(_timed(wire, small) for _ in range(5)), device)
    whole = _slowest(wire, min(_timed(wire, large) for _ in range(3)), device)
    sent = 2 * PROBE_BYTES * (wire.world_size - 1) / wire.world_size
    return Link(sent / max(whole - latency, 1e-7), latency)


def _timed(wire: Wire, x: torch.Tensor) -> float:
    started = time.perf_counter()
    wire.all_reduce(x)
    if x.is_cuda:
        torch.cuda.synchronize(x.device)
    return time.perf_counter() - started


def _slowest(wire: Wire, seconds: float, device: torch.device) -> float:
    x = torch.tensor([seconds], dtype=torch.float64, device=device)
    wire.all_max(x)
    return x.item()


def sent_bytes(kind: str, num_values: int, world_size: int, block: int) -> float:
    """Bytes that one rank sends to exchange `num_values` gradients."""
    share = (world_size - 1) / world_size
    if kind == "none":
        return 8 * num_values * share
    if kind in ("fp16", "bf16"):
        return 4 * num_values * share
    up, down = BITS[kind]
    return num_values * ((up + down) / 8 + 2 * 2 / block) * share


def codec_seconds(
    kind: str, num_values: int, block: int, device: torch.device
) -> float:
    """Time to code and decode so many values on this device, both stages."""
    if kind not in BITS:
        return 0.0
    sample = min(num_values, 1 << 18) // block * block or block
    x = torch.randn(1, sample, device=device)
    error = torch.empty_like(x)
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        for bits in BITS[kind]:
            message = codec.encode(x, bits=bits, block=block, error_WC=error)
            codec.decode(message, sample, bits=bits, block=block)
        if x.is_cuda:
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - started)
    return best * num_values / sample


@dataclass(slots=True)
class AutoChooser:
    """Call `after_step` at each step's end; it moves `exchange.kind` as it learns."""

    exchange: Exchange
    device: torch.device
    num_values: int
    chosen: Callable[[str, Link, dict[str, float]], None]
    _queue: list[Compression] = field(default_factory=list)
    _times: dict[Compression, list[float]] = field(default_factory=dict)
    _link: Link | None = None
    _next_check: int = 1

    def expire(self) -> None:
        """Measure again from the next step on: the link may have changed."""
        self._next_check, self._queue = 0, []

    def after_step(self, step: int, step_s: float) -> None:
        if step >= self._next_check and not self._queue:
            self._queue = self._worth_trying()
            self._times = {}
            self._next_check = step + self.exchange.config.recheck_steps
            self.exchange.kind = self._queue[0]
            return
        if not self._queue:
            return
        times = self._times.setdefault(self._queue[0], [])
        times.append(step_s)
        if len(times) < TRIAL_STEPS:
            return
        self._queue.pop(0)
        if self._queue:
            self.exchange.kind = self._queue[0]
        else:
            self._choose()

    def _worth_trying(self) -> list[Compression]:
        wire, config = self.exchange.links.outgoing, self.exchange.config
        self._link = link = probe_link(wire, self.device)
        cost: dict[Compression, float] = {}
        for kind in config.candidates:
            sent = sent_bytes(kind, self.num_values, wire.world_size, config.block_size)
            seconds = codec_seconds(
                kind, self.num_values, config.block_size, self.device
            )
            cost[kind] = sent / link.bytes_per_s + _slowest(wire, seconds, self.device)
        best = min(cost.values())
        kept = [k for k, c in cost.items() if c <= HOPELESS * best + 2e-3]
        return sorted(kept, key=lambda kind: -cost[kind])

    def _choose(self) -> None:
        wire = self.exchange.links.outgoing
        # The first step of a trial still pays for the change.
        medians = {
            kind: _slowest(wire, sorted(times[1:])[(len(times) - 1) // 2], self.device)
            for kind, times in self._times.items()
        }
        best: Compression = min(medians, key=lambda kind: medians[kind])
        if medians.get("none", float("inf")) <= 1.02 * medians[best]:
            best = "none"
        self.exchange.kind = best
        if self._link is not None:
            self.chosen(best, self._link, {k: 1e3 * s for k, s in medians.items()})
