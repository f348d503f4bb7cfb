"""How far a long loop has come, for people at a terminal."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

T = TypeVar("T")
_WIDTH = 24
_EVERY_S = 0.1


def watched(
    items: Iterable[T], *, total: int, stream: TextIO | None = None
) -> Iterator[T]:
    """Yield the items; draw a bar where the stream (stderr) is a terminal."""
    out = stream or sys.stderr
    if not out.isatty():
        yield from items
        return
    began = drawn = time.perf_counter()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.perf_counter()
        if now - drawn >= _EVERY_S or done == total:
            drawn = now
            full = _WIDTH * done // max(1, total)
            bar = "#" * full + "." * (_WIDTH - full)
            speed = done / max(1e-9, now - began)
            out.write(f"\r[{bar}] {done}/{total}, {speed:.1f} a second")
            out.flush()
    out.write("\n")
