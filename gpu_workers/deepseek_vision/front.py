"""One flow to a target: prune, teach, quantise, and measure what it cost.

Stages that are whole are noted in the `stages.json` of each share's folder; a flow that
is cut off goes on after its last whole stage.
"""

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from deepseek_vision.compression import (
    Workshop,
    distill_model,
    prune_model,
    quantize_model,
)
from deepseek_vision.errors import VisionError
from deepseek_vision.hub import find_model
from deepseek_vision.measure import evaluate_served
from deepseek_vision.predict import load_model
from deepseek_vision.quantize import EARLY
from deepseek_vision.training.distill import Lesson

_RUNS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One point of the front, as it serves: 8 bits, one thread, its own side."""

    name: str
    ap: float
    ap50: float
    ms: float
    mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    ms: float = float("inf")
    mb: float = float("inf")

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read "≤ 10 ms, ≤ 3 MB", either part alone, or nothing.

        Raises:
            ValueError: for anything else.
        """
        found: dict[str, float] = {}
        for part in filter(None, (p.strip() for p in text.split(","))):
            match = re.fullmatch(r"(?:≤|<=)?\s*([\d.]+)\s*(ms|mb)", part.lower())
            if match is None:
                raise ValueError(f'a target is like "≤ 10 ms, ≤ 3 MB", got {text!r}')
            found[match[2]] = float(match[1])
        return cls(**found)

    def is_met_by(self, one: Measured) -> bool:
        return one.ms <= self.ms and one.mb <= self.mb


def measure_model(folder: Path, data: Path, *, name: str) -> Measured:
    """AP on the validation split, the time of one picture, the size of the file."""
    figures = evaluate_served(folder, data, precision="int8")
    model = load_model(folder, precision="int8")
    side = model.directory.config.side_px
    pixels = np.full((1, side, side, 3), 114, np.uint8)
    took = []
    for _ in range(_RUNS + 2):
        began = time.perf_counter()
        model.session.run(pixels, model.prompts_PD)
        took.append((time.perf_counter() - began) * 1000)
    return Measured(
        name=name,
        ap=round(figures["AP"], 4),
        ap50=round(figures["AP50"], 4),
        ms=round(float(np.median(took[2:])), 2),
        mb=round(model.directory.weights_file("int8").stat().st_size / 1e6, 2),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What `compress` tries: shares of channels to keep, and how long it teaches.

    Either lesson may be left out; `float_parts` as in `quantize_model`.
    """

    keeps: Sequence[float] = (1.0, 0.75, 0.5)
    lesson: Lesson | None = None
    rounding: Lesson | None = None
    float_parts: Sequence[str] = EARLY


def compress(
    source: Path, out: Path, flow: Flow, shop: Workshop, *, target: Target
) -> list[Measured]:
    """Try each share; write the measured front and the model to take.

    Returns:
        All points, the untouched model's plain 8-bit form first; empty when stopped.

    Raises:
        VisionError: when no point meets the target, naming the nearest.
    """
    points = [_point(source, out / "plain", None, flow, shop)]
    for keep in flow.keeps:
        points.append(_point(source, out / f"keep-{keep:.2f}", keep, flow, shop))
        if shop.should_stop():
            return []
    front = [asdict(p) for p in points]
    (out / "report.json").write_text(json.dumps(front, indent=2) + "\n", "utf-8")
    (out / "README.md").write_text(_as_table(points), "utf-8")
    fitting = [p for p in points if target.is_met_by(p)]
    if not fitting:
        nearest = min(points, key=lambda p: (p.ms / target.ms, p.mb / target.mb))
        raise VisionError(
            f"no model meets the target; nearest is {nearest.name} with {nearest.ms} ms "
            f"and {nearest.mb} MB, see {out / 'README.md'}"
        )
    best = max(fitting, key=lambda p: p.ap)
    (out / "chosen.txt").write_text(f"{best.name}\n", "utf-8")
    return points


def _point(
    source: Path, folder: Path, keep: float | None, flow: Flow, shop: Workshop
) -> Measured:
    """One share's model, stage by stage; those already done are not done again."""
    folder.mkdir(parents=True, exist_ok=True)
    stages = _Stages(folder / "stages.json")
    model = whole = find_model(source).path
    if keep is not None and keep < 1:
        pruned, share = folder / "pruned", keep
        stages.once("pruned", lambda: prune_model(whole, pruned, keep=share))
        model = pruned
    lesson = flow.lesson
    if keep is not None and lesson is not None and not shop.should_stop():
        taught, student = folder / "taught", model
        stages.once(
            "taught",
            lambda: distill_model(source, student, taught, lesson, shop),
            is_whole=lambda: not shop.should_stop(),
        )
        model = taught
    ready = folder / "model"
    rounding = flow.rounding if keep is not None else None
    stages.once(
        "quantized",
        lambda: quantize_model(
            model, ready, shop, lesson=rounding, float_parts=flow.float_parts
        ),
        is_whole=lambda: not shop.should_stop(),
    )
    wire = stages.once(
        "measured",
        lambda: asdict(measure_model(ready, shop.data[0], name=folder.name)),
    )
    return Measured(**wire)  # type: ignore[arg-type]


class _Stages:
    """Which stages of a folder are whole, and what they returned."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done: dict[str, object] = (
            json.loads(path.read_text("utf-8")) if path.is_file() else {}
        )

    def once(
        self,
        name: str,
        work: Callable[[], object],
        *,
        is_whole: Callable[[], bool] = lambda: True,
    ) -> dict[str, object]:
        if name not in self._done:
            result = work()
            if not is_whole():
                return {}
            self._done[name] = result if isinstance(result, dict) else {}
            self._path.write_text(json.dumps(self._done) + "\n", "utf-8")
        found = self._done[name]
        return found if isinstance(found, dict) else {}


def _as_table(points: Sequence[Measured]) -> str:
    rows = [
        f"| {p.name} | {p.ap * 100:.1f} | {p.ap50 * 100:.1f} | {p.ms} | {p.mb} |"
        for p in points
    ]
    head = ["| model | AP | AP50 | ms | MB |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"
