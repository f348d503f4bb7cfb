"""Shares of the global batch by measured speed, temperature and memory of each device."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist

from deepseek_optimizer.errors import ConfigError
from deepseek_optimizer.spec import BalanceConfig

try:
    import pynvml  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    pynvml = None

EMA = 0.5
NVML_PERIOD_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a device says of itself.

    Attributes:
        temperature_c: Of the chip; 0 where unknown.
        is_throttled: The driver holds the clocks down for heat or power.
        free_memory_ratio: Of the device's memory; 1 where unknown.
        busy_ratio: Share of the last second that a kernel ran; None where unknown.
        slowdown: Artificial factor on the compute time, for replays; 1 is none.
    """

    temperature_c: float = 0.0
    is_throttled: bool = False
    free_memory_ratio: float = 1.0
    busy_ratio: float | None = None
    slowdown: float = 1.0


UNKNOWN = Reading()


class Telemetry(Protocol):
    def read(self, step: int) -> Reading: ...


class NoTelemetry:
    """A device that says nothing: balancing goes by throughput alone."""

    def read(self, step: int) -> Reading:  # noqa: ARG002 -- the protocol's signature
        return UNKNOWN


class NvmlTelemetry:
    """An NVIDIA device through nvidia-ml-py."""

    def __init__(self, device: torch.device) -> None:
        pynvml.nvmlInit()
        self._reading, self._read_at = Reading(), 0.0
        # Not by index: CUDA_VISIBLE_DEVICES renumbers CUDA's devices and not NVML's.
        uuid = torch.cuda.get_device_properties(device).uuid
        self._handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
        self._slow = (
            pynvml.nvmlClocksThrottleReasonSwThermalSlowdown
            | pynvml.nvmlClocksThrottleReasonHwThermalSlowdown
            | pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown
        )

    def read(self, step: int) -> Reading:  # noqa: ARG002 -- the protocol's signature
        """Return what the device said within the last `NVML_PERIOD_S`."""
        now = time.monotonic()
        if now - self._read_at >= NVML_PERIOD_S:
            self._reading, self._read_at = self._ask(), now
        return self._reading

    def _ask(self) -> Reading:
        memory = pynvml.nvmlDeviceGetMemoryInfo(self._handle)
        reasons = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(self._handle)
        kind = pynvml.NVML_TEMPERATURE_GPU
        return Reading(
            temperature_c=float(pynvml.nvmlDeviceGetTemperature(self._handle, kind)),
            is_throttled=bool(reasons & self._slow),
            free_memory_ratio=memory.free / memory.total,
            busy_ratio=pynvml.nvmlDeviceGetUtilizationRates(self._handle).gpu / 100,
        )


class ReplayTelemetry:
    """Readings from a JSON list; entry [rank][i] holds from its "step" on."""

    def __init__(self, path: Path, rank: int) -> None:
        ranks = json.loads(path.read_text())
        self._script = [
            (entry.pop("step", 0), Reading(**entry)) for entry in ranks[rank]
        ]

    def read(self, step: int) -> Reading:
        held = [reading for first, reading in self._script if first <= step]
        return held[-1] if held else Reading()


def open_telemetry(config: BalanceConfig, rank: int, device: torch.device) -> Telemetry:
    if config.replay_path is not None:
        path = Path(config.replay_path)
        if not path.is_file():
            raise ConfigError(f"balance.replay_path {path} is not a file")
        return ReplayTelemetry(path, rank)
    if device.type == "cuda" and pynvml is not None:
        with suppress(pynvml.NVMLError):
            return NvmlTelemetry(device)
    return NoTelemetry()


def gather(compute_s: float, reading: Reading) -> tuple[list[float], list[Reading]]:
    """Return every rank's compute time and reading, in rank order."""
    words = torch.zeros(dist.get_world_size(), 4, dtype=torch.float64)
    words[dist.get_rank()] = torch.tensor(
        [
            compute_s,
            reading.temperature_c,
            reading.is_throttled,
            reading.free_memory_ratio,
        ]
    )
    dist.all_reduce(words)
    readings = [
        Reading(temperature_c=t, is_throttled=bool(h), free_memory_ratio=m)
        for _, t, h, m in words.tolist()
    ]
    return words[:, 0].tolist(), readings


class Balancer:
    """Moves shares within bounds; every rank computes the same from the same numbers."""

    def __init__(
        self, config: BalanceConfig, global_batch_size: int, world_size: int
    ) -> None:
        self.config = config
        self.global_batch_size, self.world_size = global_batch_size, world_size
        self._speeds: list[float] = []

    def observe(self, shares: Sequence[int], compute_s: Sequence[float]) -> None:
        """Take each rank's own compute time of a step (waiting for others excluded)."""
        speeds = [n / max(s, 1e-6) for n, s in zip(shares, compute_s, strict=True)]
        if len(self._speeds) != len(speeds):
            self._speeds = speeds
        pairs = zip(self._speeds, speeds, strict=True)
        self._speeds = [old + EMA * (new - old) for old, new in pairs]

    def decide(
        self, shares: tuple[int, ...], readings: Sequence[Reading]
    ) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Return the next shares and each rank's reason; the same shares: no change."""
        config, equal = self.config, self.global_batch_size / self.world_size
        factors = [self._factor(reading) for reading in readings]
        weights = [s * f for s, (f, _) in zip(self._speeds, factors, strict=True)]
        wanted = [self.global_batch_size * w / sum(weights) for w in weights]
        for rank, ((factor, _), now) in enumerate(zip(factors, shares, strict=True)):
            step = config.max_change_ratio * equal
            if factor == 1.0:
                wanted[rank] = min(max(wanted[rank], now - step), now + step)
            if config.strategy == "memory_aware":
                spare = readings[rank].free_memory_ratio - config.mem_headroom_ratio
                room = 1 + spare if spare > 0 else 0.75
                wanted[rank] = min(wanted[rank], now * room)
            wanted[rank] = max(wanted[rank], config.min_share_ratio * equal)
        new = largest_remainder(wanted, self.global_batch_size)
        moved = max(abs(a - b) for a, b in zip(new, shares, strict=True))
        if moved <= config.hysteresis_ratio * equal:
            return shares, ()
        return new, tuple(reason for _, reason in factors)

    def _factor(self, reading: Reading) -> tuple[float, str]:
        """How much of its speed a device may use, and why."""
        config = self.config
        if config.strategy != "thermal_aware":
            return 1.0, "throughput"
        if reading.is_throttled:
            return 0.7, "throttled by the driver"
        span = config.max_temp_c - config.target_temp_c
        over = (reading.temperature_c - config.target_temp_c) / span
        if over <= 0:
            return 1.0, "throughput"
        return 1 - 0.5 * min(1.0, over), f"{reading.temperature_c:.0f} deg C"

    def state_dict(self) -> dict[str, Any]:
        return {"speeds": list(self._speeds)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if len(state["speeds"]) == self.world_size:
            self._speeds = list(state["speeds"])


def largest_remainder(wanted: Sequence[float], total: int) -> tuple[int, ...]:
    """Round shares to whole samples, each at least 1, that sum to `total`."""
    num_ranks = len(wanted)
    if total < num_ranks:
        raise ConfigError(
            f"global_batch_size {total} is smaller than {num_ranks} ranks: each needs "
            "a sample, so raise it"
        )
    scale = (total - num_ranks) / sum(wanted)
    exact = [w * scale for w in wanted]
    floors = [int(x) for x in exact]
    by_rest = sorted(range(num_ranks), key=lambda r: (floors[r] - exact[r], r))
    for rank in by_rest[: total - num_ranks - sum(floors)]:
        floors[rank] += 1
    return tuple(n + 1 for n in floors)
