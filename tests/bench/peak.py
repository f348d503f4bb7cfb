"""The most of something while a block runs, such as bytes of memory."""

import threading
from collections.abc import Callable

EVERY_S = 0.05


class Peak:
    """The greatest value that a function gave while the block ran."""

    def __init__(self, measure: Callable[[], int]) -> None:
        self.bytes = 0
        self._measure = measure
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(EVERY_S):
            self.bytes = max(self.bytes, self._measure())
