"""Seconds and peak memory of each diagnostic tool on 500 images, predictions known."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deepseek_diagnostics.catalog import TOOLS, ToolInfo
from deepseek_diagnostics.spec import DiagnoseSpec
from tests.bench.diagnostics_kept import CACHE, PAGE, measured
from tests.bench.diagnostics_planted import DATA, subset
from tests.bench.rows import Row

__all__ = ["PAGE", "measure"]
NUM = 500
SLOW = {"saliency", "robustness"}  # they run the model hundreds of times
MODEL = "deepseek_vision_v2"


def measure() -> Iterator[Row]:
    if not DATA.exists():
        sys.stderr.write(f"skipped: the data is not at {DATA}\n")
        return
    parts = {f"{tool.id}-{tool.version}": partial(_cost, tool) for tool in TOOLS}
    yield from measured("tools", parts)


def _cost(tool: ToolInfo) -> Iterator[Row]:
    """A tool in a process of its own; predictions and data are there already."""
    with TemporaryDirectory() as folder:
        one = _run(tool.id, Path(folder))
    yield Row(
        what=tool.title,
        value=one["seconds"],
        unit="s",
        goal=None if tool.id in SLOW else 60,
    )
    yield Row(what=f"{tool.title}, peak memory", value=one["peak_mb"], unit="MB")


def _run(tool: str, folder: Path) -> dict[str, Any]:
    data, known = _data("val"), _data("train")
    curves = folder / "curves.json"
    loss = [3 * 0.97**n for n in range(200)]
    curves.write_text(json.dumps({"loss": {"steps": list(range(200)), "values": loss}}))
    (CACHE / "predictions").mkdir(parents=True, exist_ok=True)
    cache = folder / "cache"
    cache.mkdir()
    (cache / "predictions").symlink_to(CACHE / "predictions")
    spec = DiagnoseSpec(
        model=MODEL, other_model=MODEL, data=str(data), reference=str(known),
        curves=str(curves), out=str(folder / "out"), cache=str(cache),
        tools=(tool,), num_threads=2,
    )  # fmt: skip
    if not (CACHE / "seen").exists():
        _child(_spec(folder, spec, tools=("drift", "duplicates")))
        shutil.rmtree(cache / "results")
        (CACHE / "seen").touch()
    _child(_spec(folder, spec))
    told: dict[str, Any] = json.loads((folder / "out" / f"{tool}.json").read_text())
    assert not told["skipped"], told["skipped"]
    return told


def _spec(folder: Path, spec: DiagnoseSpec, **changes: Any) -> Path:
    path = folder / "spec.json"
    path.write_text(json.dumps({**json.loads(spec.to_json()), **changes}))
    return path


def _child(spec: Path) -> None:
    command = [sys.executable, "-m", "deepseek_diagnostics", str(spec)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _data(split: str) -> Path:
    folder = CACHE / f"deeppcb-{split}"
    if not folder.exists():
        subset("deeppcb", folder, splits=(split,), num=NUM)
    return folder
