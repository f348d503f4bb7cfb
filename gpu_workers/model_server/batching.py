"""A queue before a model: joins what waits, drops what is too late, refuses floods.

Workers are threads: decoding a picture and running a graph both let go of Python's
lock. An idle worker takes its share of what waits at once; it waits for more company
only where a delay is granted, which pays on a GPU and seldom on a CPU.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from model_server.errors import (
    BusyError,
    DeadlineError,
    ModelError,
    OutOfMemoryError,
    ServingError,
    is_out_of_memory,
)
from model_server.runners import one_line

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """How a model's queue behaves.

    Attributes:
        num_workers: Runs that go on at once.
        max_batch: Requests in one run; 0 leaves it to who loads the model.
        delay_s: How long the first of a batch may wait for company.
        max_waiting: Requests in the queue before others are refused.
    """

    num_workers: int = 1
    max_batch: int = 8
    delay_s: float = 0.0
    max_waiting: int = 256


@dataclass(slots=True, kw_only=True)
class _Item:
    payload: Any
    key: Hashable
    deadline: float
    queued_at: float
    answer: "Future[Any]" = field(default_factory=Future)


Run = Callable[[Sequence[Any]], Sequence[Any]]


class ClosedError(ServingError):
    """The version was replaced between finding it and asking it."""

    status = 503


class Batcher:
    """Runs payloads of one key together.

    Args:
        run: Answers payloads in order; an answer that is a ServingError is raised to
            its caller alone.
        on_batch: Told the size of each batch and the seconds it took.
    """

    def __init__(
        self,
        run: Run,
        limits: BatchLimits,
        *,
        name: str,
        on_batch: Callable[[int, float], None] = lambda _size, _took: None,
    ) -> None:
        self._run = run
        self._limits = limits
        self._on_batch = on_batch
        self._waiting: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._typical_s = 0.05
        self._workers = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(limits.num_workers)
        ]
        for worker in self._workers:
            worker.start()

    @property
    def num_waiting(self) -> int:
        return len(self._waiting)

    def submit(
        self, payload: Any, *, deadline: float, key: Hashable = None
    ) -> "Future[Any]":
        """Queue a payload; ``deadline`` is on the monotonic clock.

        Raises:
            BusyError: The queue is full.
            ClosedError: This model was unloaded.
        """
        item = _Item(
            payload=payload, key=key, deadline=deadline, queued_at=time.monotonic()
        )
        with self._changed:
            if self._is_closed:
                raise ClosedError("this version is being unloaded")
            if len(self._waiting) >= self._limits.max_waiting:
                raise BusyError(
                    f"{len(self._waiting)} requests wait already; try again in "
                    f"{self._wait_s():.1f} s, or run more replicas"
                )
            self._waiting.append(item)
            self._changed.notify()
        return item.answer

    def close(self, *, timeout_s: float = 30.0) -> None:
        """Finish what waits, then end the workers."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        deadline = time.monotonic() + timeout_s
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))

    def _wait_s(self) -> float:
        return len(self._waiting) * self._typical_s / self._limits.num_workers

    def _work(self) -> None:
        while batch := self._take():
            self._answer(batch)

    def _take(self) -> list[_Item]:
        """The next batch; empty when closed and done."""
        with self._changed:
            if not self._wait_for_first():
                return []
            most = self._limits.max_batch
            if self._limits.delay_s == 0:  # then each worker takes its share
                share = -(-len(self._waiting) // self._limits.num_workers)
                most = max(1, min(most, share))
            batch = [self._waiting.popleft()]
            while (
                self._waiting
                and len(batch) < most
                and self._waiting[0].key == batch[0].key
            ):
                batch.append(self._waiting.popleft())
            return batch

    def _wait_for_first(self) -> bool:
        """Wait for one, and for its company; False when closed and done."""
        while True:
            while not self._waiting:
                if self._is_closed:
                    return False
                self._changed.wait()
            if self._limits.delay_s > 0:
                self._wait_for_company()
            if self._waiting:  # else another worker took it meanwhile
                return True

    def _wait_for_company(self) -> None:
        latest = min(
            self._waiting[0].queued_at + self._limits.delay_s,
            self._waiting[0].deadline - 2 * self._typical_s,
        )
        while self._waiting and len(self._waiting) < self._limits.max_batch:
            left = latest - time.monotonic()
            if left <= 0 or self._is_closed:
                return
            self._changed.wait(left)

    def _answer(self, batch: Sequence[_Item]) -> None:
        began = time.monotonic()
        live = []
        for item in batch:
            if not item.answer.set_running_or_notify_cancel():
                continue  # its caller has gone
            if item.deadline < began:
                waited = began - item.queued_at
                item.answer.set_exception(
                    DeadlineError(f"waited {waited:.2f} s, longer than it may take")
                )
                continue
            live.append(item)
        if not live:
            return
        answers = self._run_safely([item.payload for item in live])
        took = time.monotonic() - began
        self._typical_s += 0.1 * (took / len(live) - self._typical_s)
        self._on_batch(len(live), took)
        for item, answer in zip(live, answers, strict=True):
            if isinstance(answer, ServingError):
                item.answer.set_exception(answer)
            else:
                item.answer.set_result(answer)

    def _run_safely(self, payloads: Sequence[Any]) -> Sequence[Any]:
        """One bad request must not spoil the others of its batch, nor end the worker."""
        try:
            return self._run(payloads)
        except Exception as error:  # noqa: BLE001 -- a model may raise anything
            if len(payloads) == 1:
                return [_explained(error)]
        return [self._run_safely([payload])[0] for payload in payloads]


def _explained(error: Exception) -> ServingError:
    if isinstance(error, ServingError):
        return error
    text = one_line(error)
    if is_out_of_memory(error):
        log.warning("out of memory: %s", text)
        return OutOfMemoryError(
            "the server has too little memory for this request: send fewer or smaller "
            "pictures at once, or give the replica more"
        )
    log.error("the model failed", exc_info=error)
    return ModelError(f"the model failed: {text}")
