"""The gradient exchange: one first-in-first-out thread, any flat buffer, any method."""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch._C._distributed_c10d import GradBucket
from torch.futures import Future
from torch.nn import functional as F

from deepseek_optimizer.exchange.reducers import BITS, REDUCERS, Memory, Skips
from deepseek_optimizer.exchange.wire import Wire
from deepseek_optimizer.spec import Compression, CompressionConfig
from deepseek_optimizer.timing import Mark, Stopwatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Who talks to whom.

    Attributes:
        world: All ranks.
        inner: The ranks of this host; None where the exchange is flat.
        outer: One rank of each host, those that hold the same part of the gradient.
    """

    world: Wire
    inner: Wire | None = None
    outer: Wire | None = None

    @property
    def outgoing(self) -> Wire:
        return self.outer or self.world


@dataclass(slots=True)
class _Bucket:
    exact: Tensor
    memory: Memory = field(default_factory=Memory)


class Exchange:
    """Turns local gradients into their mean over all ranks.

    A collective must be issued in the same order by every rank. Callbacks that issue
    a second one as the first completes break that rule, which is why torch's own
    PowerSGD hook dies on Gloo: here one thread issues all of them, in bucket order,
    beside the backward pass. On CUDA a side stream takes the thread's place.

    Nothing that a step leaves behind (residuals, momenta) counts until `commit`; where
    `settle` is told to skip, a NaN has left no trace.
    """

    def __init__(self, links: Links, config: CompressionConfig) -> None:
        self.links = links
        self.config = config
        self.kind: Compression = "none" if config.kind == "auto" else config.kind
        self.step = 0
        self.submitted: Mark | None = None
        self._buckets: dict[int, _Bucket] = {}
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stream: torch.cuda.Stream | None = None
        self._is_muted = False

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Inside, gradients come back as they are and nothing is sent."""
        self._is_muted = True
        yield
        self._is_muted = False

    @property
    def bytes_sent(self) -> int:
        wires = (self.links.world, self.links.inner, self.links.outer)
        return sum(wire.bytes_sent for wire in wires if wire)

    @property
    def outgoing_bytes(self) -> int:
        """Bytes that left for other hosts (all bytes where the exchange is flat)."""
        inner = self.links.inner.bytes_sent if self.links.inner else 0
        return self.bytes_sent - inner

    def submit(
        self, index: int, flat: Tensor, shapes: tuple[tuple[int, ...], ...]
    ) -> Future[Tensor]:
        """Queue the exchange of a flat float32 gradient, made of tensors of `shapes`.

        Returns:
            A future of the same tensor, holding the mean over all ranks.
        """
        self.submitted = Stopwatch(flat.device).mark()
        if self._is_muted:
            muted: Future[Tensor] = Future()
            muted.set_result(flat)
            return muted
        if flat.is_cuda:
            return self._submit_on_stream(index, flat, shapes)
        future: Future[Tensor] = Future()

        def task() -> None:
            try:
                self.reduce(index, flat, shapes)
                future.set_result(flat)
            except RuntimeError as error:
                future.set_exception(error)  # type: ignore[arg-type]  # -- its hint is wrong

        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()
        self._tasks.put(task)
        return future

    def _work(self) -> None:
        while task := self._tasks.get():
            task()

    def _submit_on_stream(
        self, index: int, flat: Tensor, shapes: tuple[tuple[int, ...], ...]
    ) -> Future[Tensor]:
        if self._stream is None:
            self._stream = torch.cuda.Stream(flat.device)
        self._stream.wait_stream(torch.cuda.current_stream(flat.device))
        future: Future[Tensor] = Future(devices=[flat.device])
        with torch.cuda.stream(self._stream):
            flat.record_stream(self._stream)
            self.reduce(index, flat, shapes)
            future.set_result(flat)
        return future

    @torch.no_grad()
    def reduce(
        self, index: int, flat: Tensor, shapes: tuple[tuple[int, ...], ...]
    ) -> None:
        """Exchange now, in place; every rank must call in the same order."""
        world = self.links.world
        bucket = self._bucket(index, flat, shapes)
        memory, is_dense = bucket.memory, self._is_dense
        if is_dense and self.links.inner is None:
            self._add_pending(memory, flat)
            REDUCERS["none"](flat, world, memory, self.config, self.step)
            return
        if is_dense or not bucket.exact.numel():
            self._reduce_by_host(flat, memory)
            return
        values = flat[bucket.exact]
        flat[bucket.exact] = 0.0
        world.all_reduce(values)
        self._reduce_by_host(flat, memory)
        flat[bucket.exact] = values.div_(world.world_size)

    @property
    def _is_dense(self) -> bool:
        # The sparse methods warm up by their density instead.
        warms_up = self.kind in BITS or self.kind == "powersgd"
        is_warming = warms_up and self.step < self.config.warmup_steps
        return self.kind == "none" or is_warming

    def _reduce_by_host(self, flat: Tensor, memory: Memory) -> None:
        """Sum inside the host in full precision, then each rank a part across hosts."""
        inner, outer = self.links.inner, self.links.outer
        if inner is None or outer is None:
            self._compress(flat, self.links.world, memory)
            return
        size = -(-len(flat) // inner.world_size)
        padded = F.pad(flat, (0, inner.world_size * size - len(flat)))
        part = inner.reduce_scatter_mean(padded.view(inner.world_size, size))
        self._compress(part, outer, memory)
        flat.copy_(inner.all_gather(part).view(-1)[: len(flat)])

    def _compress(self, flat: Tensor, wire: Wire, memory: Memory) -> None:
        self._add_pending(memory, flat)
        kind = "none" if self._is_dense else self.kind
        config = replace(self.config, kind=kind)
        REDUCERS[kind](flat, wire, memory, config, self.step)

    def _add_pending(self, memory: Memory, flat: Tensor) -> None:
        """Add what earlier steps did not send, and owe nothing for now."""
        if slot := memory.slots.get("error_up"):
            flat += slot.current.view(-1)[: len(flat)]
            slot.write().zero_()
        down = memory.slots.get("error_down")
        if down and self.kind not in BITS:
            wire = self.links.outgoing
            start = wire.rank * down.current.numel()
            part = flat[start : start + down.current.numel()]
            owed = down.current.view(-1)[: len(part)]
            part.add_(owed, alpha=wire.world_size)
            down.write().zero_()

    def _bucket(
        self, index: int, flat: Tensor, shapes: tuple[tuple[int, ...], ...]
    ) -> _Bucket:
        bucket = self._buckets.get(index)
        if bucket is None or bucket.memory.shapes != shapes:
            ranges, offset = [], 0
            ndim = max(self.config.min_tensor_ndim, 2 * (self.kind == "powersgd"))
            for shape in shapes:
                size = torch.Size(shape).numel()
                if len(shape) < ndim:
                    ranges.append(torch.arange(offset, offset + size))
                offset += size
            exact = torch.cat(ranges) if ranges else torch.empty(0, dtype=torch.long)
            bucket = _Bucket(exact.to(flat.device), Memory(shapes=shapes))
            self._buckets[index] = bucket
        return bucket

    def commit(self) -> None:
        """Keep what the step left behind: its update was applied."""
        self.step += 1
        for bucket in self._buckets.values():
            bucket.memory.commit()

    def settle(self, skips: Skips) -> None:
        """Keep what the step left behind, or forget it where `skips` is true."""
        self.step += 1
        for bucket in self._buckets.values():
            bucket.memory.settle(skips)

    def rescale(self, factor: Tensor) -> None:
        """Follow a change of the loss scale: what is owed is in scaled gradients."""
        for bucket in self._buckets.values():
            for name, slot in bucket.memory.slots.items():
                if not name.startswith("q"):
                    slot.current.mul_(factor)

    def close(self) -> None:
        """End the thread once all that was submitted is done."""
        if self._thread is not None:
            self._tasks.put(None)
            self._thread.join()
            self._thread = None

    def state_dict(self) -> dict[str, Any]:
        """Everything this rank needs to go on exactly, as copies on the CPU."""
        return {
            "kind": self.kind,
            "step": self.step,
            "buckets": {
                index: {
                    "shapes": [list(shape) for shape in bucket.memory.shapes],
                    "slots": bucket.memory.state_dict(),
                }
                for index, bucket in self._buckets.items()
            },
        }

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device) -> None:
        self.kind, self.step = state["kind"], state["step"]
        self._buckets.clear()
        for index, saved in state["buckets"].items():
            shapes = tuple(tuple(shape) for shape in saved["shapes"])
            size = sum(torch.Size(shape).numel() for shape in shapes)
            bucket = self._bucket(index, torch.empty(size, device=device), shapes)
            bucket.memory.load_state_dict(saved["slots"], device)


def merge_states(states: list[dict[str, Any]]) -> dict[str, Any]:
    """Turn the exchange states of W old ranks into one that any new rank may load.

    The pending correction of the mean is mean_r(error_r) plus the second stage's error
    of each owner, so a new rank that starts with that sum owes exactly the same. Only a
    flat exchange's state can be merged; another one starts afresh.
    """
    first = states[0]
    buckets: dict[int, dict[str, Any]] = {}
    for index, saved in first["buckets"].items():
        slots = [s["buckets"][index]["slots"] for s in states]
        size = sum(torch.Size(shape).numel() for shape in saved["shapes"])
        merged: dict[str, Tensor] = {}
        for name in saved["slots"]:
            stacked = torch.stack([slot[name] for slot in slots])
            if name == "error_down":
                merged["error_up"] += stacked.reshape(-1)[:size]
            elif name == "error_up":
                merged[name] = stacked.mean(0).reshape(-1)[:size]
            elif name in ("momentum", "velocity"):
                merged[name] = stacked.mean(0)
            else:
                merged[name] = stacked[0]
        buckets[index] = {"shapes": saved["shapes"], "slots": merged}
    return {**first, "buckets": buckets}


def ddp_hook(exchange: Exchange, bucket: GradBucket) -> Future[Tensor]:
    """DDP communication hook: ``model.register_comm_hook(exchange, ddp_hook)``."""
    shapes = tuple(tuple(p.shape) for p in bucket.parameters())
    return exchange.submit(bucket.index(), bucket.buffer(), shapes)
