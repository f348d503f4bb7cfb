"""Smaller and faster: prune, distil, quantise. Each reads a folder, writes another."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from deepseek_vision import events
from deepseek_vision.data.coco import CocoSet, PackedSet, pack, read_together
from deepseek_vision.errors import DatasetError
from deepseek_vision.export import export_onnx
from deepseek_vision.hub import PRECISIONS, ModelConfig, find_model
from deepseek_vision.model.detector import Detector, build_detector
from deepseek_vision.prune import kept_widths, prune
from deepseek_vision.quantize import EARLY, choose_float, write_plan
from deepseek_vision.training.aware import into_plain, learned_ranges, make_aware
from deepseek_vision.training.distill import Follower, Lesson
from deepseek_vision.training.run import (
    calibration_pictures,
    in_layout,
    restore,
    write_model,
    write_serving_files,
)

Report = Callable[[events.Event], None]
Stop = Callable[[], bool]
_NUM_JUDGED = 16


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
    float_parts: Sequence[str] = EARLY,
) -> None:
    """Write `source` with its 8-bit form; with a lesson, made aware of its rounding.

    `float_parts` are not rounded, neither while learning nor while serving.
    """
    source = find_model(source).path
    model, config = restore(source)
    coco = shop.coco(config)
    ranges: dict[str, tuple[float, float]] = {}
    if lesson is not None:
        aware = make_aware(restore(source)[0], float_parts=float_parts)
        taught = _taught(aware, model, config, lesson, shop, source)
        ranges = learned_ranges(taught)
        model = into_plain(taught, build_detector(config.size, config.options))
    _write(out, model, config, source)
    write_plan(out, float_parts=float_parts, ranges=ranges)
    write_serving_files(out, model, config, calibration=coco)


def sensitivity(
    source: Path, shop: Workshop, *, wanted_db: float
) -> tuple[list[str], dict[str, float]]:
    """Which groups of layers to leave in float; the decibels that each wins there."""
    directory = find_model(source)
    model, config = restore(directory.path)
    pictures = calibration_pictures(shop.coco(config), side=config.side_px)
    with tempfile.TemporaryDirectory() as folder:
        exact = Path(folder) / PRECISIONS["fp32"]
        export_onnx(model, exact)
        return choose_float(
            exact,
            pictures=pictures[:_NUM_JUDGED],
            prompts_PD=directory.read_prompts(),
            wanted_db=wanted_db,
        )


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
