"""A worker whose main thread hangs below Python ends when it is asked to."""

import signal
import subprocess
import sys
import time

import pytest

from deepseek_optimizer.leaving import STUCK_EXIT, leaving_when_stuck

# A mutex that is locked twice holds the main thread as a lost peer's NCCL kernel does:
# no signal interrupts it, and no handler of Python's ever runs.
STUCK = """
import ctypes, signal, time
from deepseek_optimizer.leaving import leaving_when_stuck
signal.signal(signal.SIGTERM, lambda *_: print("handled", flush=True))
libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
with leaving_when_stuck({last_sign}, lambda: 0.2):
    print("ready", flush=True)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)
"""


@pytest.fixture
def process(request):
    code = STUCK.format(last_sign=request.param)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.mark.parametrize("process", ["lambda: 0.0"], indirect=True)
def test_who_gets_no_further_leaves(process):
    time.sleep(0.3)
    assert process.poll() is None

    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == STUCK_EXIT
    assert process.stdout.read() == ""


@pytest.mark.parametrize("process", ["time.perf_counter"], indirect=True)
def test_who_gets_further_stays(process):
    process.send_signal(signal.SIGTERM)

    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)


def test_a_signal_after_the_work_ends_nothing():
    before = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(before)

    with leaving_when_stuck(lambda: 0.0, lambda: 0.01):
        pass

    after = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(after)
    assert after == before
