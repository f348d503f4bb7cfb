import threading
import time
from concurrent.futures import Future

import pytest

from model_server.batching import Batcher, BatchLimits, ClosedError
from model_server.errors import (
    BusyError,
    DeadlineError,
    ModelError,
    OutOfMemoryError,
    RequestError,
)


class Gate:
    """A model that waits to be let go, and notes its batches."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.batches: list[list[object]] = []

    def __call__(self, payloads):
        self.entered.set()
        assert self.open.wait(30)
        self.batches.append(list(payloads))
        return [payload * 2 for payload in payloads]


def _later(seconds: float = 5) -> float:
    return time.monotonic() + seconds


def _hold(gate: Gate, batcher: Batcher) -> "Future[int]":
    """Keep the only worker busy, so that what follows has to wait."""
    first = batcher.submit(0, deadline=_later())
    assert gate.entered.wait(30)
    return first


def test_what_waits_runs_together_and_each_gets_its_own_answer():
    gate = Gate()
    batcher = Batcher(gate, BatchLimits(max_batch=4), name="t")
    first = _hold(gate, batcher)
    waiting = [batcher.submit(n, deadline=_later()) for n in range(1, 7)]

    gate.open.set()

    assert first.result(5) == 0
    assert [each.result(5) for each in waiting] == [2, 4, 6, 8, 10, 12]
    assert gate.batches == [[0], [1, 2, 3, 4], [5, 6]]
    batcher.close()


def test_different_kinds_never_share_a_batch():
    gate = Gate()
    batcher = Batcher(gate, BatchLimits(), name="t")
    _hold(gate, batcher)
    keys = ("a", "a", "b", "a")
    waiting = [batcher.submit(1, deadline=_later(), key=key) for key in keys]

    gate.open.set()
    for each in waiting:
        each.result(5)

    assert [len(batch) for batch in gate.batches] == [1, 2, 1, 1]
    batcher.close()


def test_a_delay_waits_for_company_and_no_longer():
    sizes: list[int] = []
    limits = BatchLimits(max_batch=3, delay_s=0.2)
    batcher = Batcher(
        list,
        limits,
        name="t",
        on_batch=lambda size, _took: sizes.append(size),
    )

    began = time.monotonic()
    full = [batcher.submit(n, deadline=_later()) for n in range(3)]
    for each in full:
        each.result(5)
    took_full = time.monotonic() - began
    batcher.submit(9, deadline=_later()).result(5)

    assert sizes == [3, 1]
    assert took_full < 0.15
    assert time.monotonic() - began >= 0.2
    batcher.close()


def test_one_that_fails_does_not_spoil_its_batch():
    def run(payloads):
        if 13 in payloads:
            raise RuntimeError("thirteen\nand a long trace")
        return payloads

    gate = Gate()
    batcher = Batcher(
        lambda payloads: gate(payloads) and run(payloads), BatchLimits(), name="t"
    )
    _hold(gate, batcher)
    waiting = [batcher.submit(n, deadline=_later()) for n in (12, 13, 14)]
    gate.open.set()

    assert waiting[0].result(5) == 12
    assert waiting[2].result(5) == 14
    with pytest.raises(ModelError, match=r"^the model failed: thirteen$"):
        waiting[1].result(5)
    batcher.close()


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (MemoryError(), OutOfMemoryError),
        (
            RuntimeError("Failed to allocate memory for requested buffer"),
            OutOfMemoryError,
        ),
        (RequestError("no picture"), RequestError),
    ],
)
def test_errors_reach_the_caller_as_what_they_are(raised, expected):
    def run(_payloads):
        raise raised

    batcher = Batcher(run, BatchLimits(), name="t")

    with pytest.raises(expected):
        batcher.submit(1, deadline=_later()).result(5)
    with pytest.raises(expected):  # the worker lives on
        batcher.submit(1, deadline=_later()).result(5)
    batcher.close()


def test_a_full_queue_refuses_and_says_how_long_to_wait():
    gate = Gate()
    batcher = Batcher(gate, BatchLimits(max_waiting=2), name="t")
    first = _hold(gate, batcher)
    waiting = [batcher.submit(n, deadline=_later()) for n in (1, 2)]

    with pytest.raises(BusyError, match="2 requests wait already"):
        batcher.submit(3, deadline=_later())

    gate.open.set()
    assert [each.result(5) for each in (first, *waiting)] == [0, 2, 4]
    batcher.close()


def test_what_is_too_late_or_no_longer_wanted_is_not_run():
    gate = Gate()
    batcher = Batcher(gate, BatchLimits(), name="t")
    _hold(gate, batcher)
    late = batcher.submit(1, deadline=_later(0.01))
    gone = batcher.submit(2, deadline=_later())
    gone.cancel()
    time.sleep(0.05)
    gate.open.set()

    with pytest.raises(DeadlineError, match="waited"):
        late.result(5)
    assert batcher.submit(3, deadline=_later()).result(5) == 6
    assert gate.batches == [[0], [3]]
    batcher.close()


def test_closing_answers_what_waits_and_takes_no_more():
    gate = Gate()
    batcher = Batcher(gate, BatchLimits(), name="t")
    waiting = [_hold(gate, batcher), batcher.submit(4, deadline=_later())]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    while True:
        try:
            batcher.submit(5, deadline=_later(0))
        except ClosedError:
            break

    gate.open.set()
    closing.join(5)

    assert [each.result(0) for each in waiting] == [0, 8]
