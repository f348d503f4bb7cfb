import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

CLOSING_S = 60


@contextmanager
def closed_in_time() -> Iterator[None]:
    """Kill a browser that does not close: Playwright waits for it without end."""
    timer = threading.Timer(CLOSING_S, _kill_browser)
    timer.start()
    yield
    timer.cancel()


def _kill_browser() -> None:
    for process in psutil.Process().children(recursive=True):
        if "chrom" in process.name():
            process.kill()
