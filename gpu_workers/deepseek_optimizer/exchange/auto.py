"""The `auto` compression: measure the link, try what may pay, keep what is fastest.

A fixed compression is a bet on the network. Here the link and each codec are timed once
(bytes over bandwidth plus codec time rules out the hopeless), the rest take turns in real
steps, and the fastest stays until the next check. All ranks decide from the same
numbers: the slowest rank's times.
"""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from deepseek_optimizer.exchange import codec
from deepseek_optimizer.exchange.engine import Exchange
from deepseek_optimizer.exchange.reducers import BITS
from deepseek_optimizer.exchange.wire import Wire
from deepseek_optimizer.spec import Compression

PROBE_BYTES = 1 << 18
# Rounds of a stage, and how far behind the best a candidate may be to see the next.
STAGES = ((3, 1.3), (4, 1.12), (6, 1.0))
MARGIN = 0.03
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
    """Gives each step its compression: `before_step` sets it, `after_step` learns.

    Candidates take turns step by step, so that whatever else slows the machine slows
    all of them. After each stage those far behind drop out and the close ones are timed
    again. What beats no compression by less than `MARGIN` is not worth its rounding.
    """

    exchange: Exchange
    device: torch.device
    num_values: int
    chosen: Callable[[str, Link, dict[str, float]], None]
    _turns: deque[Compression] = field(default_factory=deque)
    _on_trial: deque[Compression | None] = field(default_factory=deque)
    _times: dict[Compression, list[float]] = field(default_factory=dict)
    _left: int = 0
    _stage: int = 0
    _link: Link | None = None
    _next_check: int = 1

    def expire(self) -> None:
        """Forget steps on their way and measure anew: the link may have changed."""
        self._next_check = 0
        self._turns.clear()
        self._on_trial.clear()
        self._times.clear()

    def before_step(self) -> None:
        turn = self._turns.popleft() if self._turns else None
        if turn is not None:
            self.exchange.kind = turn
        self._on_trial.append(turn)

    def after_step(self, step: int, step_s: float) -> None:
        """Take the time of the oldest step begun and not yet told of."""
        kind = self._on_trial.popleft()
        if kind is not None and kind in self._times:
            self._times[kind].append(step_s)
            self._left -= 1
            if self._left == 0:
                self._end_stage()
        elif not self._times and step >= self._next_check:
            self._next_check = step + self.exchange.config.recheck_steps
            kinds = self._worth_trying()
            self._times = {kind: [] for kind in kinds}
            # The first turn of each pays for what it sets up, and is not counted.
            self._plan(kinds, rounds=1 + STAGES[0][0])
            self._stage = 0

    def _plan(self, kinds: list[Compression], *, rounds: int) -> None:
        self._turns.extend(kind for _ in range(rounds) for kind in kinds)
        self._left = rounds * len(kinds)

    def _end_stage(self) -> None:
        medians = self._medians()
        best = min(medians.values())
        limit = STAGES[self._stage][1]
        close = [kind for kind in self._times if medians[kind] <= limit * best]
        self._stage += 1
        if len(close) > 1 and self._stage < len(STAGES):
            self._plan(close, rounds=STAGES[self._stage][0])
            return
        self._times.clear()
        kind: Compression = min(medians, key=lambda k: medians[k])
        if medians.get("none", math.inf) <= (1 + MARGIN) * best:
            kind = "none"
        self.exchange.kind = kind
        if self._link is not None:
            self.chosen(kind, self._link, {k: 1e3 * s for k, s in medians.items()})

    def _medians(self) -> dict[Compression, float]:
        """Median time of each candidate on the slowest rank, the first turn left out."""
        wire = self.exchange.links.outgoing
        mine = [statistics.median(times[1:]) for times in self._times.values()]
        slowest = torch.tensor(mine, dtype=torch.float64, device=self.device)
        wire.all_max(slowest)
        return dict(zip(self._times, slowest.tolist(), strict=True))

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
        return [k for k, c in cost.items() if c <= HOPELESS * best + 2e-3]
