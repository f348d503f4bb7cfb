"""The training loop of one rank: batches in, updates and events out."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from deepseek_optimizer.balance import Telemetry, gather
from deepseek_optimizer.checkpoint import Checkpointer
from deepseek_optimizer.data import DevicePipeline, MicroBatch
from deepseek_optimizer.errors import DatasetError, NonFiniteLossError
from deepseek_optimizer.events import (
    CompressionChosen,
    EvaluationDone,
    Event,
    GuardActed,
    ItemSkipped,
    SharesChanged,
    StepDone,
)
from deepseek_optimizer.exchange.auto import AutoChooser, Link
from deepseek_optimizer.guard import Verdict
from deepseek_optimizer.leaving import leaving_when_stuck
from deepseek_optimizer.parallel import is_worker
from deepseek_optimizer.recovery import Recovery
from deepseek_optimizer.regions import compile_regions
from deepseek_optimizer.state import Progress, RunState
from deepseek_optimizer.timing import Marks, seconds_between
from deepseek_optimizer.update import Outcome, Travelling

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
# How many steps the host runs ahead of what it knows. On the CPU nothing is gained.
LAG = {"cpu": 0, "cuda": 2}
# Asked to stop, a worker that learns of no step for so long has lost its peers.
STUCK_S, STUCK_STEPS = 3.0, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Where a loop reports to and what it consults."""

    report: Callable[[Event], None]
    telemetry: Telemetry
    recovery: Recovery
    checkpointer: Checkpointer | None = None
    augment: Callable[[Any], Any] | None = None
    evaluate: Callable[[nn.Module], Mapping[str, float]] | None = None
    after_update: Callable[[nn.Module], None] | None = None


@dataclass(slots=True)
class _Step:
    """A step whose outcome the host does not know yet."""

    number: int
    marks: Marks
    num_bytes: int
    lr: float
    outcome: Travelling


class Loop:
    """Runs updates until the last step, a stop, or an error; all ranks in step.

    One small all-reduce a step (loss, non-finite flags, stop, checkpoint due) makes
    every decision the same on all ranks, and the device alone takes the urgent one.
    """

    def __init__(self, state: RunState, outputs: Outputs, total_steps: int) -> None:
        self.state, self.outputs, self.total_steps = state, outputs, total_steps
        self.config, self.device = state.config, state.updater.device
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        self.chooser = self._make_chooser()
        self._pipeline: DevicePipeline
        self._stop = threading.Event()
        self._unknown: deque[_Step] = deque()
        self._learned_at = time.perf_counter()
        self._step_s = self._sample_s = 0.0
        self._window_s = [0.0, 0.0]
        self._num_bad = 0
        self._is_compiled = self.config.compile == "off"
        self._is_stopping = self._is_saving = self._is_elsewhere = False
        self._flops_per_sample = 0.0

    def _make_chooser(self) -> AutoChooser | None:
        replica = self.state.replica
        if self.config.gradient_compression.kind != "auto" or self.world_size == 1:
            return None
        num_values = sum(p.numel() for p in replica.module.parameters())

        def chosen(kind: str, link: Link, times: dict[str, float]) -> None:
            event = CompressionChosen(
                step=self.state.progress.step,
                kind=kind,
                link_mbit_per_s=8e-6 * link.bytes_per_s,
                step_ms=times,
            )
            self._report_first(event)

        return AutoChooser(replica.exchange, self.device, num_values, chosen)

    def _report_first(self, event: Event) -> None:
        if self.rank == 0:
            self.outputs.report(event)

    def run(self) -> Progress:
        """Train; returns where it ended."""
        progress = self.state.progress
        with self._signals():
            self.outputs.recovery.resume(self.state)
            self._start_feed()
            self._learned_at = time.perf_counter()
            while progress.step < self.total_steps and not self._is_stopping:
                self._one_step()
                if progress.step == self.total_steps:
                    self._catch_up()
        self._catch_up()
        if self._is_stopping:
            progress.status = "stopped"
        if self.outputs.checkpointer is not None:
            self.state.save(self.outputs.checkpointer)
            self.outputs.checkpointer.wait()
        return progress

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM asks for a stop after the current step."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGTERM, lambda *_: self._stop.set())
        leaving: AbstractContextManager[None] = nullcontext()
        if is_worker() and self.world_size > 1:
            leaving = leaving_when_stuck(self._last_sign_s, self._patience_s)
        try:
            with leaving:
                yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def _last_sign_s(self) -> float:
        """When a step was last heard of; saving and evaluating take their time."""
        return time.perf_counter() if self._is_elsewhere else self._learned_at

    def _patience_s(self) -> float:
        return max(STUCK_S, STUCK_STEPS * self._step_s)

    def _start_feed(self) -> None:
        self.state.even_shares()
        self._pipeline = DevicePipeline(
            self.state.feed.from_step(self.state.progress.step),
            self.device,
            augment=self.outputs.augment,
            channels_last=self.config.channels_last,
        )

    def _one_step(self) -> None:
        """Queue one update, then learn what became of an earlier one."""
        state, outputs = self.state, self.outputs
        number = state.progress.step + 1
        self._compile_when_due(number)
        stopwatch = state.updater.stopwatch
        started, waiting = stopwatch.mark(), time.perf_counter()
        micros = self._next_batches()
        wait_s = time.perf_counter() - waiting
        if self.chooser is not None:
            self.chooser.before_step()
        before, forward = state.replica.bytes_sent, stopwatch.mark()
        num_samples = sum(micro.num_samples for micro in micros)
        paused_s = self._slow_down(num_samples)
        part = self._forward_backward(micros)
        submitted, backward = state.replica.exchange.submitted, stopwatch.mark()
        marks = Marks(started, wait_s, forward, submitted, backward)
        if self.device.type == "cpu":
            self._sample_s = (marks.compute_s - paused_s) / max(1, num_samples)
        outcome = state.updater.apply(
            part,
            state.guard.limits(number),
            stops=self._stop.is_set(),
            saves=outputs.checkpointer is not None and outputs.checkpointer.is_due(),
        )
        num_bytes = state.replica.bytes_sent - before
        lr = float(state.scheduler.get_last_lr()[0])
        self._unknown.append(_Step(number, marks, num_bytes, lr, outcome))
        state.scheduler.step()
        if outputs.after_update is not None:
            outputs.after_update(state.replica.module)
        self._pipeline.read_ahead()
        order = state.feed.order
        order.position = order.position.advanced(self.config.global_batch_size)
        state.progress.step = number
        while len(self._unknown) > LAG[self.device.type]:
            self._learn(self._unknown.popleft())
        if state.progress.step == number:
            self._is_elsewhere = True
            self._after_step(number)
            self._is_elsewhere = False

    def _after_step(self, number: int) -> None:
        """Save and evaluate where it is time to."""
        checkpointer, every = (
            self.outputs.checkpointer,
            self.config.evaluate_every_steps,
        )
        if checkpointer is not None:
            at = self.config.checkpoint.every_steps
            if self._is_saving or (at is not None and number % at == 0):
                self._catch_up()
                if self.state.progress.step == number:
                    self.state.save(checkpointer)
                    self._is_saving = False
        if self.outputs.evaluate and every and number % every == 0:
            metrics = self.outputs.evaluate(self.state.replica.module)
            self._report_first(EvaluationDone(step=number, metrics=dict(metrics)))

    def _next_batches(self) -> list[MicroBatch]:
        micros = self._pipeline.next()
        for index, reason in (bad for micro in micros for bad in micro.bad_items):
            self._num_bad += 1
            limit = self.config.guard.max_bad_items
            if self._num_bad > limit:
                raise DatasetError(
                    f"dataset item {index} cannot be read ({reason}), and {limit} items "
                    "were replaced before (guard.max_bad_items)"
                )
            self.outputs.report(ItemSkipped(index=index, reason=reason))
        return micros

    def _forward_backward(self, micros: list[MicroBatch]) -> Tensor:
        """Accumulate gradients; return this rank's part of the global mean loss.

        Each micro-batch weighs as many samples as it has: over any shares the exchanged
        mean is the gradient of the whole batch's mean loss.
        """
        replica, updater = self.state.replica, self.state.updater
        weight = self.world_size / self.config.global_batch_size
        parts: list[Tensor] = []
        replica.exchange.submitted = None
        with self._flop_counter(micros):
            for index, micro in enumerate(micros):
                is_last = index == len(micros) - 1
                with replica.accumulating(is_last=is_last):
                    with self._autocast():
                        loss = replica.step(micro.batch)
                        if (share := micro.num_samples * weight) != 1:
                            loss = loss * share
                    updater.scaled(loss).backward()
                parts.append(loss.detach())
        total = torch.stack(parts).sum() if len(parts) > 1 else parts[0]
        return total.float() / self.world_size if self.world_size > 1 else total.float()

    def _slow_down(self, num_samples: int) -> float:
        """Play a slower device, which keeps its peers waiting, for a replay (CPU only)."""
        slowdown = self.outputs.telemetry.read(self.state.progress.step).slowdown
        pause_s = max(0.0, slowdown - 1) * self._sample_s * num_samples
        if pause_s:
            time.sleep(pause_s)
        return pause_s

    @contextmanager
    def _flop_counter(self, micros: list[MicroBatch]) -> Iterator[None]:
        if self.config.peak_tflops is None or self._flops_per_sample:
            yield
            return
        with FlopCounterMode(display=False) as counter:
            yield
        num_samples = sum(micro.num_samples for micro in micros)
        self._flops_per_sample = counter.get_total_flops() / num_samples

    def _autocast(self) -> AbstractContextManager[object]:
        dtype = DTYPES.get(self.config.precision)
        if dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=dtype)

    def _catch_up(self) -> None:
        while self._unknown:
            self._learn(self._unknown.popleft())

    def _learn(self, step: _Step) -> None:
        """Read what became of a step; tell, balance, choose, or go back."""
        outcome, state = step.outcome.read(), self.state
        self._is_stopping |= outcome.is_stopping
        self._is_saving |= outcome.is_saving
        if self.config.precision == "fp16" and not math.isfinite(outcome.grad_norm):
            verdict = Verdict("skip")  # the loss scale was too large, and is halved
        else:
            verdict = state.guard.judge(
                step.number,
                outcome.loss,
                outcome.grad_norm,
                is_skipped=outcome.is_skipped,
            )
        if verdict.action == "rollback":
            if self.outputs.recovery.roll_back(state, step.number, verdict):
                self._unknown.clear()
                if self.chooser is not None:
                    self.chooser.expire()
                self._start_feed()
                return
            verdict = state.guard.take_for_a_new_level(verdict)
        self._tell(step, outcome, verdict)
        if verdict.action == "stop":
            raise NonFiniteLossError(
                f"step {step.number}: {verdict.reason}; lower lr, set grad_clip_norm or "
                "let guard.on_nonfinite skip"
            )
        if self.chooser is not None:
            step_s = seconds_between(step.marks.started, step.outcome.mark)
            self.chooser.after_step(step.number, step_s)
        self._balance(step)

    def _tell(self, step: _Step, outcome: Outcome, verdict: Verdict) -> None:
        progress = self.state.progress
        progress.steps_here += 1
        now = time.perf_counter()
        self._step_s, self._learned_at = now - self._learned_at, now
        if verdict.action == "keep":
            progress.loss = outcome.loss
            if self.rank == 0:
                self._report_step(step, outcome, verdict)
        elif verdict.reason:
            event = GuardActed(
                step=step.number, action=verdict.action, reason=verdict.reason
            )
            self._report_first(event)
        self.outputs.recovery.after_step(step.number)

    def _report_step(self, step: _Step, outcome: Outcome, verdict: Verdict) -> None:
        step_s = self._step_s
        progress, order = self.state.progress, self.state.feed.order
        batch = self.config.global_batch_size
        exposed_s = step.marks.exposed_s
        mfu = None
        if self.config.peak_tflops and self._flops_per_sample:
            flops = self._flops_per_sample * batch / self.world_size
            mfu = flops / step_s / (1e12 * self.config.peak_tflops)
        mean_s = (time.perf_counter() - progress.started) / progress.steps_here
        self.outputs.report(
            StepDone(
                step=step.number,
                epoch=order.position.consumed / order.num_samples,
                loss=outcome.loss,
                lr=step.lr,
                grad_norm=outcome.grad_norm,
                images_per_s=batch / step_s,
                step_ms=1e3 * step_s,
                bytes_sent=step.num_bytes,
                exposed_comm_ms=1e3 * exposed_s,
                compute_ratio=max(0.0, 1 - (step.marks.wait_s + exposed_s) / step_s),
                gpu_busy_ratio=self.outputs.telemetry.read(step.number).busy_ratio,
                mfu=mfu,
                loss_z=verdict.loss_z,
                eta_s=(self.total_steps - step.number) * mean_s,
            )
        )

    def _balance(self, step: _Step) -> None:
        config, feed = self.config.balance, self.state.feed
        if config.strategy == "none" or self.world_size == 1:
            return
        self._window_s[0] += step.marks.compute_s
        self._window_s[1] += 1
        if step.number % config.update_every_steps:
            return
        compute_s = self._window_s[0] / self._window_s[1]
        self._window_s = [0.0, 0.0]
        seconds, readings = gather(compute_s, self.outputs.telemetry.read(step.number))
        now = self.state.progress.step
        shares = feed.shares_at(now)
        self.state.balancer.observe(shares, seconds)
        new, reasons = self.state.balancer.decide(shares, readings)
        if new != shares:
            first = now + feed.lead
            feed.set_shares(new, from_step=first)
            self._report_first(
                SharesChanged(from_step=first, shares=new, reasons=reasons)
            )

    def _compile_when_due(self, step: int) -> None:
        config = self.config
        if self._is_compiled or step <= config.compile_after_steps:
            return
        self._is_compiled = True
        if config.compile == "auto" and self.device.type == "cpu":
            return
        mode = "regional" if config.compile == "auto" else config.compile
        compile_regions(self.state.replica.module, mode, self._report_first)
