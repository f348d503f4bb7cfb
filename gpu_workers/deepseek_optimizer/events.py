"""What a run tells while it goes: frozen values, one JSON line each; standard library only.

A line is ``{"type": ..., "seq": ..., "at": ..., **fields}``. ``seq`` counts up without a
gap over a whole run, restarts included; ``at`` is UTC seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

EVENT_TYPES: dict[str, type[Event]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    type: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        EVENT_TYPES[cls.type] = cls

    def to_wire(self) -> dict[str, Any]:
        return {
            "type": self.type,
            **{f.name: getattr(self, f.name) for f in fields(self)},
        }


def to_line(event: Event, *, seq: int, at: float) -> str:
    return json.dumps({**event.to_wire(), "seq": seq, "at": round(at, 3)}) + "\n"


def from_wire(wire: Mapping[str, Any]) -> Event:
    """Turn a parsed line into its event; unknown fields are dropped.

    Raises:
        ValueError: The type is unknown.
    """
    cls = EVENT_TYPES.get(str(wire.get("type")))
    if cls is None:
        raise ValueError(f"unknown event type {wire.get('type')!r}")
    return cls(**{f.name: wire[f.name] for f in fields(cls) if f.name in wire})


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    type: ClassVar[str] = "started"

    world_size: int
    num_parameters: int
    num_samples: int
    total_steps: int
    device: str
    strategy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Event):
    type: ClassVar[str] = "resumed"

    step: int
    samples_consumed: int
    checkpoint: str
    saved_world_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone(Event):
    """One update.

    Attributes:
        step: 1 after the first update.
        exposed_comm_ms: Communication that the backward pass did not hide.
        bytes_sent: By this rank for gradients in this step.
        compute_ratio: Share of the step that was neither input wait nor exposed
            communication.
        gpu_busy_ratio: Share of the last second that a kernel ran; None without NVML.
        mfu: Model FLOP/s over the peak; None where either is unknown.
        loss_z: Robust z-score of the loss against the guard's window.
    """

    type: ClassVar[str] = "step_done"

    step: int
    epoch: float
    loss: float
    lr: float
    grad_norm: float
    images_per_s: float
    step_ms: float
    bytes_sent: int
    exposed_comm_ms: float
    compute_ratio: float
    gpu_busy_ratio: float | None = None
    mfu: float | None = None
    loss_z: float = 0.0
    eta_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSaved(Event):
    """A checkpoint is complete on disk; `blocked_ms` is what it cost the loop."""

    type: ClassVar[str] = "checkpoint_saved"

    step: int
    path: str
    blocked_ms: float
    total_ms: float
    num_bytes: int
    durable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFailed(Event):
    """One could not be written or read; earlier ones are untouched."""

    type: ClassVar[str] = "checkpoint_failed"

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered(Event):
    """The first new step after a failure; seconds count from the last sign of life."""

    type: ClassVar[str] = "recovered"

    attempt: int
    seconds: float
    lost_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SharesChanged(Event):
    """Samples of each rank from `from_step` on, with each rank's reason."""

    type: ClassVar[str] = "shares_changed"

    from_step: int
    shares: tuple[int, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionChosen(Event):
    type: ClassVar[str] = "compression_chosen"

    step: int
    kind: str
    link_mbit_per_s: float
    step_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardActed(Event):
    type: ClassVar[str] = "guard_acted"

    step: int
    action: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSkipped(Event):
    type: ClassVar[str] = "item_skipped"

    index: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionCompiled(Event):
    """A block was compiled, or runs eagerly for the given reason."""

    type: ClassVar[str] = "region_compiled"

    region: str
    num_blocks: int
    fallback_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationDone(Event):
    type: ClassVar[str] = "evaluation_done"

    step: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Log(Event):
    type: ClassVar[str] = "log"

    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Event):
    """The run is over; status is finished, stopped (asked to) or failed (see reason)."""

    type: ClassVar[str] = "finished"

    status: str
    step: int
    loss: float | None
    elapsed_s: float
    reason: str | None = None
