"""Smaller and faster: prune, distil, quantise, each alone or as one flow.

Every stage reads a model folder and writes another, and says so in the folder's
`stages.json`; a flow that is cut off goes on after its last whole stage.
"""

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from deepseek_vision import events
from deepseek_vision.data.coco import CocoSet, PackedSet, pack, read_together
from deepseek_vision.errors import DatasetError, VisionError
from deepseek_vision.export import export_onnx
from deepseek_vision.hub import PRECISIONS, ModelConfig, find_model
from deepseek_vision.measure import evaluate_served
from deepseek_vision.model.detector import Detector, build_detector
from deepseek_vision.predict import load_model
from deepseek_vision.prune import kept_widths, prune
from deepseek_vision.quantize import choose_float, quantize_onnx, write_plan
from deepseek_vision.training.aware import into_plain, learned_ranges, make_aware
from deepseek_vision.training.distill import Follower, Lesson
from deepseek_vision.training.run import (
    calibration_pictures,
    in_layout,
    restore,
    write_model,
)

Report = Callable[[events.Event], None]
Stop = Callable[[], bool]
_RUNS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What every stage needs: pictures with their truth, a device, and an ear."""

    data: tuple[Path, ...]
    report: Report
    should_stop: Stop
    device: str = "cpu"

    def coco(self, config: ModelConfig) -> CocoSet:
        """The training split, its classes in the order of the model's.

        Raises:
            DatasetError: when it knows a class that the model does not.
        """
        coco = read_together(self.data, splits=("train",))
        unknown = [name for name in coco.classes if name not in config.classes]
        if unknown:
            raise DatasetError(
                f"the model does not know {', '.join(unknown[:5])}; its classes are: "
                f"{', '.join(config.classes)}"
            )
        places = {
            key: config.classes.index(coco.classes[at])
            for key, at in coco.class_of.items()
        }
        return replace(coco, classes=config.classes, class_of=places)

    def packed(self, config: ModelConfig) -> PackedSet:
        return pack(self.coco(config), side=config.side_px).to(
            torch.device(self.device)
        )


def prune_model(source: Path, out: Path, *, keep: float) -> None:
    """Write the model with a share of its inner channels; it wants teaching after."""
    model, config = restore(source)
    widths = kept_widths(model.backbone, keep=keep)
    small, options = prune(
        model, size=config.size, options=config.options, hidden=widths
    )
    _write(out, small, replace(config, options=options, metrics={}), source)


def distill_model(
    teacher: Path, student: Path, out: Path, lesson: Lesson, shop: Workshop
) -> None:
    """Teach the model in `student` by the one in `teacher`; write it to `out`.

    Raises:
        DatasetError: when the two do not know the same classes.
    """
    wise, theirs = restore(find_model(teacher).path)
    model, config = restore(find_model(student).path)
    if theirs.classes != config.classes:
        raise DatasetError("teacher and student must know the same classes")
    taught = _taught(model, wise, config, lesson, shop, find_model(teacher).path)
    plain = build_detector(config.size, config.options)
    plain.load_state_dict(taught.state_dict())
    _write(out, plain, replace(config, metrics={}), find_model(student).path)


def quantize_model(
    source: Path,
    out: Path,
    shop: Workshop,
    *,
    lesson: Lesson | None = None,
    wanted_db: float = 20.0,
) -> dict[str, float]:
    """Write `source` with its 8-bit form; with a lesson, made aware of its rounding.

    Returns:
        The decibels that each group of layers would win in float.
    """
    model, config = restore(find_model(source).path)
    coco = shop.coco(config)
    ranges: dict[str, tuple[float, float]] = {}
    if lesson is not None:
        aware = make_aware(restore(find_model(source).path)[0])
        taught = _taught(aware, model, config, lesson, shop, find_model(source).path)
        ranges = learned_ranges(taught)
        model = into_plain(taught, build_detector(config.size, config.options))
    _write(out, model, config, find_model(source).path)
    export_onnx(model, out / PRECISIONS["fp32"])
    pictures = calibration_pictures(coco, side=config.side_px)
    prompts = find_model(out).read_prompts()
    parts, gains = choose_float(
        out / PRECISIONS["fp32"],
        pictures=pictures[:16],
        prompts_PD=prompts,
        wanted_db=wanted_db,
        ranges=ranges,
    )
    write_plan(out, float_parts=parts, ranges=ranges)
    quantize_onnx(
        out / PRECISIONS["fp32"],
        out / PRECISIONS["int8"],
        pictures=pictures,
        prompts_PD=prompts,
        float_parts=parts,
        ranges=ranges,
    )
    return gains


def _taught(
    student: Detector,
    teacher: Detector,
    config: ModelConfig,
    lesson: Lesson,
    shop: Workshop,
    folder: Path,
) -> Detector:
    device = torch.device(shop.device)
    prompts = torch.from_numpy(find_model(folder).read_prompts()).to(device)
    if device.type == "cuda":
        student = in_layout(student, torch.channels_last)
        teacher = in_layout(teacher, torch.channels_last)
    follower = Follower(
        student.to(device).requires_grad_(), teacher.to(device), shop.packed(config),
        prompts, lesson,
    )  # fmt: skip
    taught = follower.run(report=shop.report, should_stop=shop.should_stop)
    return in_layout(taught.cpu(), torch.contiguous_format)


def _write(out: Path, model: Detector, config: ModelConfig, source: Path) -> None:
    prompts = torch.from_numpy(find_model(source).read_prompts())
    write_model(out, model.eval(), config, prompts=prompts)


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

    Either lesson may be left out.
    """

    keeps: Sequence[float] = (1.0, 0.75, 0.5)
    lesson: Lesson | None = None
    rounding: Lesson | None = None


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
    model = find_model(source).path
    if keep is not None and keep < 1:
        pruned = folder / "pruned"
        stages.once("pruned", lambda at=model: prune_model(at, pruned, keep=keep))
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
        lambda: quantize_model(model, ready, shop, lesson=rounding),
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
