"""Ends a worker that is asked to stop while it waits for a peer that died.

NCCL does not tell of the death, and the agent would give the stuck ones its whole grace
time. Python runs a signal's handler in the main thread between two instructions, which
one that waits in the device's library does not reach. The signal's number, though, is
written to a pipe at once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STUCK_EXIT = 75


@contextmanager
def leaving_when_stuck(
    last_sign_s: Callable[[], float], patience_s: Callable[[], float]
) -> Iterator[None]:
    """Inside, SIGTERM ends a process that then gets no further for a while.

    Main thread only.

    Args:
        last_sign_s: When it last got further, by any clock.
        patience_s: How long it may take to, in seconds.
    """
    receiving, sending = os.pipe()
    os.set_blocking(sending, False)
    is_over = threading.Event()

    def watch() -> None:
        while number := os.read(receiving, 1):
            if number[0] == signal.SIGTERM:
                break
        seen = last_sign_s()
        while not is_over.wait(patience_s()):
            if last_sign_s() == seen:
                os._exit(STUCK_EXIT)
            seen = last_sign_s()
        os.close(receiving)

    before = signal.set_wakeup_fd(sending, warn_on_full_buffer=False)
    threading.Thread(target=watch, name="leaving", daemon=True).start()
    try:
        yield
    finally:
        is_over.set()
        signal.set_wakeup_fd(before)
        os.close(sending)
