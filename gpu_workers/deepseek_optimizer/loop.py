"""The training loop of one rank: batches in, updates and events out."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.flop_counter import FlopCounterMode

from deepseek_optimizer.balance import Balancer, Reading, Telemetry
from deepseek_optimizer.checkpoint import Checkpointer
from deepseek_optimizer.data import (
    DataPosition,
    DevicePipeline,
    Feed,
    MicroBatch,
    equal_shares,
    rng_state,
    set_rng_state,
)
from deepseek_optimizer.errors import (
    CheckpointError,
    DatasetError,
    NonFiniteLossError,
)
from deepseek_optimizer.events import (
    CompressionChosen,
    EvaluationDone,
    Event,
    GuardActed,
    ItemSkipped,
    Recovered,
    Resumed,
    SharesChanged,
    StepDone,
)
from deepseek_optimizer.exchange.auto import AutoChooser, Link
from deepseek_optimizer.guard import Guard, Verdict
from deepseek_optimizer.parallel import Replica
from deepseek_optimizer.regions import compile_regions
from deepseek_optimizer.reporting import Heartbeat
from deepseek_optimizer.spec import TrainConfig

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(slots=True)
class Parts:
    """What a loop is made of."""

    config: TrainConfig
    device: torch.device
    replica: Replica
    optimizer: torch.optim.Optimizer
    scheduler: LRScheduler
    feed: Feed
    checkpointer: Checkpointer | None
    telemetry: Telemetry
    heartbeat: Heartbeat | None
    report: Callable[[Event], None]
    augment: Callable[[Any], Any] | None = None
    evaluate: Callable[[nn.Module], Mapping[str, float]] | None = None


@dataclass(slots=True)
class Timing:
    """Where a step's time went, in seconds."""

    started: float
    wait_s: float = 0.0
    compute_s: float = 0.0
    exposed_s: float = 0.0


@dataclass(slots=True)
class Progress:
    """What has been done; `loss` is of the last step that counted."""

    step: int = 0
    loss: float | None = None
    status: str = "finished"
    started: float = field(default_factory=time.perf_counter)
    steps_here: int = 0


class Loop:
    """Runs updates until the last step, a stop, or an error; all ranks in step.

    One small all-reduce a step (loss, non-finite flags, stop, checkpoint due) makes
    every decision the same on all ranks.
    """

    def __init__(self, parts: Parts, total_steps: int) -> None:
        self.parts, self.total_steps = parts, total_steps
        config = parts.config
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        self.progress = Progress()
        self.guard = Guard(config.guard, can_roll_back=parts.checkpointer is not None)
        self.balancer = Balancer(
            config.balance, config.global_batch_size, self.world_size
        )
        self.scaler = torch.amp.GradScaler(
            parts.device.type, enabled=config.precision == "fp16"
        )
        self.chooser = self._make_chooser()
        self._pipeline: DevicePipeline | None = None
        self._stop = threading.Event()
        self._window_s = [0.0, 0.0]
        self._num_bad = 0
        self._is_compiled = config.compile == "off"
        self._flops_per_sample = 0.0
        self._bytes_before = 0
        self._recovery: tuple[int, float] | None = None

    def _make_chooser(self) -> AutoChooser | None:
        config, replica = self.parts.config, self.parts.replica
        if config.gradient_compression.kind != "auto" or self.world_size == 1:
            return None
        num_values = sum(p.numel() for p in replica.module.parameters())

        def chosen(kind: str, link: Link, times: dict[str, float]) -> None:
            event = CompressionChosen(
                step=self.progress.step,
                kind=kind,
                link_mbit_per_s=8e-6 * link.bytes_per_s,
                step_ms=times,
            )
            self._report_first(event)

        return AutoChooser(replica.exchange, self.parts.device, num_values, chosen)

    def _report_first(self, event: Event) -> None:
        if self.rank == 0:
            self.parts.report(event)

    def run(self) -> Progress:
        """Train; returns where it ended."""
        with self._signals():
            self._resume()
            self._start_feed()
            while self.progress.step < self.total_steps:
                if self._one_step():
                    self.progress.status = "stopped"
                    break
        self._save_last()
        return self.progress

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM asks for a stop after the current step."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGTERM, lambda *_: self._stop.set())
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def stop(self) -> None:
        """Ask for a stop; honoured by all ranks after their current step."""
        self._stop.set()

    def _start_feed(self) -> None:
        feed, config = self.parts.feed, self.parts.config
        if not feed.shares or len(feed.shares[-1][1]) != self.world_size:
            shares = equal_shares(config.global_batch_size, self.world_size)
            feed.shares = [(0, shares)]
        self._pipeline = DevicePipeline(
            feed.from_step(self.progress.step),
            self.parts.device,
            augment=self.parts.augment,
            channels_last=config.channels_last,
        )

    def _one_step(self) -> bool:
        """Do one update (or skip it); True where the run must stop."""
        parts, step = self.parts, self.progress.step + 1
        timing = Timing(time.perf_counter())
        self._compile_when_due(step)
        micros = self._next_batches()
        timing.wait_s = time.perf_counter() - timing.started
        part = self._forward_backward(micros, timing)
        if self._pipeline is not None:
            self._pipeline.read_ahead()
        loss, is_stopping, is_saving = self._agree(part.item())
        norm = self._gradient_norm()
        overflowed = self.scaler.is_enabled() and not math.isfinite(norm)
        verdict = Verdict("skip") if overflowed else self.guard.judge(step, loss, norm)
        if verdict.action == "rollback":
            self._roll_back(step, verdict.reason)
            return is_stopping
        self._update(keep=verdict.action == "keep")
        self._account(step, timing, (loss, norm, verdict))
        if verdict.action == "stop":
            raise NonFiniteLossError(
                f"step {step}: {verdict.reason}; lower lr, set grad_clip_norm or let "
                "guard.on_nonfinite skip"
            )
        if is_saving or (is_stopping and parts.checkpointer):
            self.save()
        every = parts.config.evaluate_every_steps
        if parts.evaluate and every and step % every == 0:
            metrics = parts.evaluate(parts.replica.module)
            self._report_first(EvaluationDone(step=step, metrics=dict(metrics)))
        return is_stopping

    def _next_batches(self) -> list[MicroBatch]:
        if self._pipeline is None:
            raise RuntimeError("the feed has not been started")
        micros = self._pipeline.next()
        for index, reason in (bad for micro in micros for bad in micro.bad_items):
            self._num_bad += 1
            limit = self.parts.config.guard.max_bad_items
            if self._num_bad > limit:
                raise DatasetError(
                    f"dataset item {index} cannot be read ({reason}), and {limit} items "
                    "were replaced before (guard.max_bad_items)"
                )
            self.parts.report(ItemSkipped(index=index, reason=reason))
        return micros

    def _forward_backward(self, micros: list[MicroBatch], timing: Timing) -> Tensor:
        """Accumulate gradients; return this rank's part of the global mean loss.

        Each micro-batch weighs as many samples as it has: over any shares the exchanged
        mean is the gradient of the whole batch's mean loss.
        """
        parts = self.parts
        weight = self.world_size / parts.config.global_batch_size
        total = torch.zeros((), device=parts.device)
        parts.replica.exchange.last_submit_at = 0.0
        self._bytes_before = parts.replica.bytes_sent
        begun = time.perf_counter()
        with self._flop_counter(micros):
            for index, micro in enumerate(micros):
                is_last = index == len(micros) - 1
                with parts.replica.accumulating(is_last=is_last):
                    with self._autocast():
                        loss = parts.replica.step(micro.batch)
                        loss = loss * (micro.num_samples * weight)
                    self.scaler.scale(loss).backward()
                total += loss.detach()
        ended = time.perf_counter()
        last_gradient = parts.replica.exchange.last_submit_at or ended
        timing.compute_s = last_gradient - begun
        timing.exposed_s = ended - last_gradient
        slowdown = parts.telemetry.read(self.progress.step).slowdown
        if slowdown > 1:
            time.sleep((slowdown - 1) * timing.compute_s)
            timing.compute_s *= slowdown
        return total / self.world_size

    @contextmanager
    def _flop_counter(self, micros: list[MicroBatch]) -> Iterator[None]:
        if self.parts.config.peak_tflops is None or self._flops_per_sample:
            yield
            return
        with FlopCounterMode(display=False) as counter:
            yield
        num_samples = sum(micro.num_samples for micro in micros)
        self._flops_per_sample = counter.get_total_flops() / num_samples

    def _autocast(self) -> AbstractContextManager[object]:
        dtype = DTYPES.get(self.parts.config.precision)
        if dtype is None:
            return nullcontext()
        return torch.autocast(self.parts.device.type, dtype=dtype)

    def _agree(self, loss: float) -> tuple[float, bool, bool]:
        """Return (global mean loss, stop?, save?), the same on every rank."""
        due = (
            self.rank == 0
            and self.parts.checkpointer is not None
            and self.parts.checkpointer.is_due(self.progress.step + 1)
        )
        is_finite = math.isfinite(loss)
        word = torch.tensor(
            [loss if is_finite else 0.0, not is_finite, self._stop.is_set(), due],
            dtype=torch.float64,
        )
        if self.world_size > 1:
            dist.all_reduce(word)
        total, num_bad, num_stopping, num_due = word.tolist()
        return (math.nan if num_bad else total), num_stopping > 0, num_due > 0

    def _gradient_norm(self) -> float:
        """Clip the exchanged gradients; return their norm, equal on all ranks."""
        config = self.parts.config
        self.scaler.unscale_(self.parts.optimizer)
        params = [
            p for p in self.parts.replica.module.parameters() if p.grad is not None
        ]
        grads = [p.grad for p in params if p.grad is not None]
        total = nn.utils.get_total_norm(grads, foreach=True)
        if isinstance(total, DTensor):
            total = total.full_tensor()
        norm = float(total.item())
        if config.grad_clip_norm is not None and norm > config.grad_clip_norm:
            nn.utils.clip_grads_with_norm_(params, config.grad_clip_norm, total)
        return norm

    def _update(self, *, keep: bool) -> None:
        """Apply the step, or leave model, optimizer and residuals as they were."""
        parts, before = self.parts, self.scaler.get_scale()
        if keep:
            self.scaler.step(parts.optimizer)
            parts.scheduler.step()
            parts.replica.commit()
        else:
            parts.replica.discard()
        if self.scaler.is_enabled():
            self.scaler.update()
            parts.replica.exchange.rescale(self.scaler.get_scale() / before)
        # DDP's gradients are views of its buckets: kept, they spare a copy.
        is_ddp = isinstance(parts.replica.step, DistributedDataParallel)
        parts.optimizer.zero_grad(set_to_none=not is_ddp)

    def _account(
        self, step: int, timing: Timing, outcome: tuple[float, float, Verdict]
    ) -> None:
        """Advance the position, tell of the step and let the balancer and auto learn."""
        loss, _, verdict = outcome
        parts, progress = self.parts, self.progress
        batch = parts.config.global_batch_size
        order = parts.feed.order
        order.position = order.position.advanced(batch)
        progress.step, progress.steps_here = step, progress.steps_here + 1
        step_s = time.perf_counter() - timing.started
        if verdict.action == "keep":
            progress.loss = loss
            if self.rank == 0:
                self._report_step(step, timing, step_s, outcome)
        elif verdict.reason:
            event = GuardActed(step=step, action=verdict.action, reason=verdict.reason)
            self._report_first(event)
        if self.rank == 0 and parts.heartbeat is not None:
            parts.heartbeat.beat(step)
        if self._recovery is not None:
            self._tell_recovery()
        if self.chooser is not None:
            self.chooser.after_step(step, step_s)
        self._balance(step, timing)

    def _report_step(
        self,
        step: int,
        timing: Timing,
        step_s: float,
        outcome: tuple[float, float, Verdict],
    ) -> None:
        parts, progress = self.parts, self.progress
        loss, norm, verdict = outcome
        batch = parts.config.global_batch_size
        idle_s = timing.wait_s + timing.exposed_s
        mfu = None
        if parts.config.peak_tflops and self._flops_per_sample:
            flops = self._flops_per_sample * batch / self.world_size
            mfu = flops / step_s / (1e12 * parts.config.peak_tflops)
        left = self.total_steps - step
        mean_s = (time.perf_counter() - progress.started) / progress.steps_here
        parts.report(
            StepDone(
                step=step,
                epoch=parts.feed.order.position.consumed / parts.feed.order.num_samples,
                loss=loss,
                lr=float(parts.scheduler.get_last_lr()[0]),
                grad_norm=norm,
                images_per_s=batch / step_s,
                step_ms=1e3 * step_s,
                bytes_sent=parts.replica.bytes_sent - self._bytes_before,
                exposed_comm_ms=1e3 * timing.exposed_s,
                compute_ratio=max(0.0, 1 - idle_s / step_s),
                gpu_busy_ratio=parts.telemetry.read(step).busy_ratio,
                mfu=mfu,
                loss_z=verdict.loss_z,
                eta_s=left * mean_s,
            )
        )

    def _balance(self, step: int, timing: Timing) -> None:
        config, feed = self.parts.config.balance, self.parts.feed
        if config.strategy == "none" or self.world_size == 1:
            return
        self._window_s[0] += timing.compute_s
        self._window_s[1] += 1
        if step % config.update_every_steps:
            return
        reading = self.parts.telemetry.read(step)
        mine = torch.zeros(self.world_size, 4, dtype=torch.float64)
        mine[self.rank] = torch.tensor(
            [
                self._window_s[0] / self._window_s[1],
                reading.temperature_c,
                reading.is_throttled,
                reading.free_memory_ratio,
            ]
        )
        self._window_s = [0.0, 0.0]
        dist.all_reduce(mine)
        shares = feed.shares_at(step)
        self.balancer.observe(shares, mine[:, 0].tolist())
        readings = [
            Reading(temperature_c=t, is_throttled=bool(h), free_memory_ratio=m)
            for _, t, h, m in mine.tolist()
        ]
        new, reasons = self.balancer.decide(shares, readings)
        if new != shares:
            feed.set_shares(new, from_step=step + feed.lead)
            event = SharesChanged(
                from_step=step + feed.lead, shares=new, reasons=reasons
            )
            self._report_first(event)

    def _compile_when_due(self, step: int) -> None:
        config = self.parts.config
        if self._is_compiled or step <= config.compile_after_steps:
            return
        self._is_compiled = True
        if config.compile == "auto" and self.parts.device.type == "cpu":
            return
        mode = "regional" if config.compile == "auto" else config.compile
        compile_regions(self.parts.replica.module, mode, self._report_first)

    def save(self) -> None:
        """Save the state after the current step; every rank must call it."""
        parts = self.parts
        if parts.checkpointer is None:
            return
        mine = {
            "rng": rng_state(),
            "exchange": parts.replica.exchange.state_dict(),
            "coded": [comm.memory.state_dict() for comm in parts.replica.coded],
            "is_flat": parts.replica.exchange.links.inner is None,
        }
        common = {
            "step": self.progress.step,
            "loss": self.progress.loss,
            "position": asdict(parts.feed.order.position),
            "shares": parts.feed.shares,
            "scheduler": parts.scheduler.state_dict(),
            "scaler": self.scaler.state_dict(),
            "guard": self.guard.state_dict(),
            "balancer": self.balancer.state_dict(),
        }
        parts.checkpointer.save(
            self.progress.step,
            parts.replica.module,
            parts.optimizer,
            mine=mine,
            common=common,
        )

    def _save_last(self) -> None:
        if self.parts.checkpointer is not None:
            self.save()
            self.parts.checkpointer.wait()

    def _resume(self) -> None:
        """Load the newest good checkpoint, if there is one and it is wanted."""
        checkpointer, parts = self.parts.checkpointer, self.parts
        if checkpointer is None or not parts.config.checkpoint.resume:
            return
        lost_at = parts.heartbeat.read() if parts.heartbeat else (0, 0.0)
        manifest = next(checkpointer.candidates(), None)
        if manifest is not None:
            mine, common = checkpointer.load(
                manifest, parts.replica.module, parts.optimizer
            )
            self._restore(mine, common)
            position = parts.feed.order.position
            self._report_first(
                Resumed(
                    step=self.progress.step,
                    samples_consumed=position.consumed,
                    checkpoint=str(manifest.path),
                    saved_world_size=manifest.world_size,
                )
            )
        attempt = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
        if lost_at[0] > self.progress.step or attempt:
            self._recovery = (lost_at[0] - self.progress.step, lost_at[1])

    def _restore(self, mine: dict[str, Any], common: dict[str, Any]) -> None:
        parts = self.parts
        self.progress.step, self.progress.loss = common["step"], common["loss"]
        position = common["position"]
        reshuffles = tuple(tuple(pair) for pair in position["reshuffles"])
        parts.feed.order.position = DataPosition(
            **{**position, "reshuffles": reshuffles}
        )
        parts.feed.order.forget()
        parts.feed.shares = [(first, tuple(s)) for first, s in common["shares"]]
        parts.scheduler.load_state_dict(common["scheduler"])
        self.scaler.load_state_dict(common["scaler"])
        self.guard.load_state_dict(common["guard"])
        self.balancer.load_state_dict(common["balancer"])
        if "exchange" in mine:
            parts.replica.exchange.load_state_dict(mine["exchange"], parts.device)
        for comm, saved in zip(
            parts.replica.coded, mine.get("coded", ()), strict=False
        ):
            comm.memory.load_state_dict(saved, parts.device)
        if "rng" in mine:
            set_rng_state(mine["rng"])

    def _roll_back(self, step: int, reason: str) -> None:
        """Return to the last good checkpoint and go on in another order of samples."""
        parts = self.parts
        parts.replica.discard()
        manifest = (
            next(parts.checkpointer.candidates(), None) if parts.checkpointer else None
        )
        if parts.checkpointer is None or manifest is None:
            raise CheckpointError(
                f"step {step}: {reason}; there is no checkpoint to roll back to yet: "
                "save earlier (checkpoint.every_steps) or set guard.on_spike to 'skip'"
            )
        mine, common = parts.checkpointer.load(
            manifest, parts.replica.module, parts.optimizer
        )
        self._restore(mine, common)
        parts.optimizer.zero_grad(set_to_none=False)
        order = parts.feed.order
        order.position = order.position.reshuffled(self.guard.num_rollbacks)
        order.forget()
        self._start_feed()
        text = f"{reason}; back to step {manifest.step}"
        self._report_first(GuardActed(step=step, action="rollback", reason=text))

    def _tell_recovery(self) -> None:
        if self._recovery is None:
            return
        lost_steps, lost_at = self._recovery
        self._recovery = None
        attempt = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
        seconds = max(0.0, time.time() - lost_at) if lost_at else 0.0
        self._report_first(
            Recovered(attempt=attempt, seconds=seconds, lost_steps=max(0, lost_steps))
        )
