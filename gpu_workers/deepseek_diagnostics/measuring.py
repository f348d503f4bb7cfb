"""What a tool costs: seconds, and the most memory that the process held meanwhile."""

import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_PAGE_MB = 4096 / 2**20
_EVERY_S = 0.02


class Meter:
    """Reads the resident memory every few hundredths of a second while it is open."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.peak_mb = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()
        self.seconds = time.perf_counter() - self._began

    def _watch(self) -> None:
        while True:
            self.peak_mb = max(self.peak_mb, _resident_mb())
            if self._is_over.wait(_EVERY_S):
                return


class Bystander:
    """Which share of the machine's processor time others used while it was open.

    A wait for a processor that others hold is no property of a model. Zero where the
    system does not tell.
    """

    def __init__(self) -> None:
        self.share = 0.0

    def __enter__(self) -> Self:
        self._before = _busy_s()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        of_others, of_all = (
            now - then for now, then in zip(_busy_s(), self._before, strict=True)
        )
        if of_all > 0:
            self.share = min(1.0, max(0.0, of_others / of_all))


def _busy_s() -> tuple[float, float]:
    """Seconds of all processors that others used, and that there were."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0, 0.0
    ticks = [int(one) for one in stat.read_text().split("\n", 1)[0].split()[1:9]]
    seconds = [one / os.sysconf("SC_CLK_TCK") for one in ticks]
    own = os.times()
    idle = seconds[3] + seconds[4]
    return sum(seconds) - idle - own.user - own.system, sum(seconds)


def _resident_mb() -> float:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * _PAGE_MB if statm.exists() else 0.0
