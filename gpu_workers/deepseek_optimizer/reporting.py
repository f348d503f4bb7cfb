"""Events on their way out: numbered, queued, written by a thread that never holds the step."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from deepseek_optimizer.events import CheckpointSaved, Event, Log, StepDone, to_line

Sink = Callable[[Event, str], None]
STEP_PERIOD_S = 0.2


class Reporter:
    """Hands events to the sinks in order.

    `report` costs microseconds. Step events are thinned to the newest of each
    `STEP_PERIOD_S`; no other event is ever dropped. A sink that raises is taken out and
    the others are told.
    """

    def __init__(self, sinks: list[Sink], *, next_seq: int = 1) -> None:
        self._sinks = list(sinks)
        self._seq = next_seq
        self._waiting: deque[tuple[Event, float]] = deque()
        self._step: tuple[Event, float] | None = None
        self._step_at = 0.0
        self._wake = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def report(self, event: Event) -> None:
        item = (event, time.time())
        with self._wake:
            if isinstance(event, StepDone):
                self._step = item
                if item[1] - self._step_at < STEP_PERIOD_S or self._waiting:
                    return
            self._flush_step()
            if not isinstance(event, StepDone):
                self._waiting.append(item)
            self._wake.notify()

    def _flush_step(self) -> None:
        if self._step is not None:
            self._waiting.append(self._step)
            self._step_at, self._step = self._step[1], None

    def close(self, *, timeout_s: float = 10.0) -> None:
        """Deliver what waits, for so long as `timeout_s`."""
        with self._wake:
            self._flush_step()
            self._is_closing = True
            self._wake.notify()
        self._thread.join(timeout_s)

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._is_closing:
                    self._wake.wait()
                if not self._waiting:
                    return
                event, at = self._waiting.popleft()
            self._deliver(event, at)

    def _deliver(self, event: Event, at: float) -> None:
        line = to_line(event, seq=self._seq, at=at)
        self._seq += 1
        for sink in list(self._sinks):
            try:
                sink(event, line)
            except Exception as error:  # noqa: BLE001 -- a caller's sink may raise anything
                self._sinks.remove(sink)
                reason = f"event sink {sink!r} was taken out: {error!r}"
                self.report(Log(line=reason))


class EventLog:
    """Appends every event to a file; a new attempt goes on with the next number."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.read_bytes() if path.exists() else b""
        whole = whole[: whole.rfind(b"\n") + 1]
        self.next_seq = 1 + max((e["seq"] for e in read_lines(whole)), default=0)
        self._file = path.open("r+b" if path.exists() else "wb", buffering=0)
        # A killed writer may have left half a line.
        self._file.truncate(len(whole))
        self._file.seek(len(whole))

    def __call__(self, _event: Event, line: str) -> None:
        self._file.write(line.encode())

    def close(self) -> None:
        self._file.close()


def read_lines(data: bytes) -> Iterator[dict[str, Any]]:
    """Parse whole JSON lines."""
    for line in data.splitlines():
        yield json.loads(line)


class Heartbeat:
    """The step reached and when, in 16 bytes that outlive a kill -9."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)

    def read(self) -> tuple[int, float]:
        raw = os.pread(self._fd, 16, 0)
        if len(raw) < 16:
            return 0, 0.0
        step, at_us = (
            int.from_bytes(raw[:8], "little"),
            int.from_bytes(raw[8:], "little"),
        )
        return step, at_us / 1e6

    def beat(self, step: int) -> None:
        at_us = int(time.time() * 1e6)
        os.pwrite(self._fd, step.to_bytes(8, "little") + at_us.to_bytes(8, "little"), 0)

    def close(self) -> None:
        os.close(self._fd)


class ProgressBar:
    """One line on a terminal."""

    def __init__(self, total_steps: int, out: TextIO = sys.stderr) -> None:
        self.total_steps, self.out = total_steps, out

    def __call__(self, event: Event, _line: str) -> None:
        if isinstance(event, StepDone):
            done = round(24 * event.step / max(1, self.total_steps))
            bar = "#" * done + "." * (24 - done)
            self.out.write(
                f"\r[{bar}] {event.step}/{self.total_steps}  loss {event.loss:.4f}  "
                f"{event.images_per_s:.0f}/s  eta {event.eta_s:.0f} s "
            )
        elif isinstance(event, CheckpointSaved):
            self.out.write(f"\nsaved {event.path}\n")
        self.out.flush()


class JsonLines:
    """Each event as it goes to a pipe."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self.out = out

    def __call__(self, _event: Event, line: str) -> None:
        self.out.write(line)
        self.out.flush()
