"""What a tool costs: seconds, and the most memory that the process held meanwhile."""

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


def _resident_mb() -> float:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * _PAGE_MB if statm.exists() else 0.0
