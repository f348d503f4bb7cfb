"""Moments of a step: host time on the CPU, events on the stream of a CUDA device."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

Mark = float | torch.cuda.Event


class Stopwatch:
    def __init__(self, device: torch.device) -> None:
        self.device = device

    def mark(self) -> Mark:
        """Mark when the work queued so far is done; the host does not wait for it."""
        if self.device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event


def seconds_between(start: Mark, end: Mark) -> float:
    """Time from one mark to a later one; both must have been reached."""
    if isinstance(start, float) and isinstance(end, float):
        return end - start
    return 1e-3 * float(start.elapsed_time(end))  # type: ignore[union-attr, arg-type]  # -- both are events


@dataclass(slots=True)
class Marks:
    """The moments of one step.

    Attributes:
        wait_s: The host's wait for input.
        submitted: The last gradient was handed to the exchange; None where there is none.
    """

    started: Mark
    wait_s: float
    forward: Mark
    submitted: Mark | None
    backward: Mark

    @property
    def compute_s(self) -> float:
        """Forward and backward, without the wait for other ranks."""
        return seconds_between(self.forward, self.submitted or self.backward)

    @property
    def exposed_s(self) -> float:
        """Communication that the backward pass did not hide."""
        return seconds_between(self.submitted or self.backward, self.backward)
