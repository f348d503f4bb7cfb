"""Seconds and peak memory of each diagnostic tool on 500 images, predictions known."""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deepseek_diagnostics import events
from deepseek_diagnostics.catalog import TOOLS
from deepseek_diagnostics.reporting import diagnose
from deepseek_diagnostics.spec import DiagnoseSpec
from tests.bench.diagnostics_findings import CACHE, NUM, PAGE
from tests.bench.diagnostics_planted import DATA, subset
from tests.bench.rows import Row

__all__ = ["PAGE", "measure"]
SLOW = {"saliency", "robustness"}  # they run the model hundreds of times


def measure() -> Iterator[Row]:
    if not DATA.exists():
        sys.stderr.write(f"skipped: the data is not at {DATA}\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        data = subset("deeppcb", Path(folder) / "data", splits=("val",), num=NUM)
        old = subset("deeppcb", Path(folder) / "old", splits=("train",), num=NUM)
        curves = Path(folder) / "curves.json"
        loss = [3 * 0.97**n for n in range(200)]
        curves.write_text(
            json.dumps({"loss": {"steps": list(range(200)), "values": loss}})
        )
        (CACHE / "results").mkdir(parents=True, exist_ok=True)
        for kept in (CACHE / "results").iterdir():
            kept.unlink()
        spec = DiagnoseSpec(
            model="deepseek_vision_v2",
            other_model="deepseek_vision_v2",
            data=str(data),
            reference=str(old),
            curves=str(curves),
            out=str(Path(folder) / "out"),
            cache=str(CACHE),
            num_threads=2,
        )
        results = diagnose(spec, report=_say, should_stop=lambda: False)
    titles = {tool.id: tool.title for tool in TOOLS}
    for one in results:
        yield Row(
            what=titles[one.tool],
            value=one.seconds,
            unit="s",
            goal=None if one.tool in SLOW else 60,
        )
        yield Row(what=f"{titles[one.tool]}, peak memory", value=one.peak_mb, unit="MB")


def _say(event: events.Event) -> None:
    if isinstance(event, events.ToolDone):
        sys.stderr.write(f"{event.tool} {event.seconds} s {event.skipped}\n")
