"""Keeps what a long benchmark has measured, so that it can be done in several calls."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from tests.bench.rows import Row

CACHE = Path(tempfile.gettempdir()) / "dsportal-bench-diagnostics"
PAGE = "benchmarks-diagnostics.md"
Part = Callable[[], Iterator[Row]]


def measured(name: str, parts: dict[str, Part]) -> Iterator[Row]:
    """Yield the rows of all parts, or of none while some are not measured yet.

    A part that was measured is not measured again; its key names what it depends on.
    BENCH_SECONDS is how long one call may go on beginning new parts; a page is written
    by the call that measures the last one.
    """
    end = time.monotonic() + float(os.environ.get("BENCH_SECONDS", "inf"))
    folder = CACHE / "rows" / name
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    left = []
    for key, part in parts.items():
        kept = folder / f"{key}.json"
        if not kept.exists() and time.monotonic() < end:
            made = [asdict(row) for row in part()]
            kept.write_text(json.dumps(made))
            for row in made:
                sys.stderr.write(f"{row['what']}: {row['value']:.4g} {row['unit']}\n")
        if kept.exists():
            rows += [Row(**row) for row in json.loads(kept.read_text())]
        else:
            left.append(key)
    if left:
        sys.stderr.write(f"left for the next call: {', '.join(left)}\n")
    else:
        yield from rows
