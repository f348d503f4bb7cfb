"""The tasks of the command line; heavy parts load only for the task that needs them."""

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deepseek_vision import commands_compression as compression
from deepseek_vision import events
from deepseek_vision.hub import DEFAULT_MODEL, list_models
from deepseek_vision.segmentation import commands as segmentation
from deepseek_vision.spec import TrainSpec, read_spec

Report = Callable[[events.Event], None]
Stop = Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`run` returns whether the work reached its end."""

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[..., bool]


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_dir", type=Path)


def _run(options: argparse.Namespace, *, report: Report, should_stop: Stop) -> bool:
    spec = read_spec(options.run_dir / "spec.json")
    if isinstance(spec, TrainSpec):
        run = importlib.import_module("deepseek_vision.training.child")
        folder = options.run_dir
        return bool(run.run_train(spec, folder, report=report, should_stop=should_stop))
    worker = importlib.import_module("deepseek_vision.worker")
    return bool(worker.run_detect(spec, report=report, should_stop=should_stop))


def _generate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kind", choices=["production-line"], default="production-line"
    )
    parser.add_argument("--num", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)


def _generate(
    options: argparse.Namespace, *, report: Report, should_stop: Stop
) -> bool:
    del report, should_stop
    line = importlib.import_module("deepseek_vision.synthetic.production_line")
    path = line.write_production_line(
        options.out, num_images=options.num, seed=options.seed
    )
    sys.stderr.write(f"wrote {path}\n")
    return True


def _detect_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, help="pictures or folders")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--text", nargs="+", help="what to look for, in words")
    parser.add_argument("--score", type=float, help="least score, 0 to 1")
    parser.add_argument("--tile", action="store_true", help="for small objects")
    parser.add_argument("--draw", type=Path, help="folder for pictures with boxes")


def _detect(options: argparse.Namespace, *, report: Report, should_stop: Stop) -> bool:
    del report
    show = importlib.import_module("deepseek_vision.show")
    num_failed = 0
    for answer in show.detect_files(
        options.paths,
        show.Request(
            model=options.model,
            precision=options.precision,
            text=options.text,
            score_threshold=options.score,
            is_tiled=options.tile,
            draw_into=options.draw,
        ),
    ):
        sys.stdout.write(json.dumps(answer) + "\n")
        num_failed += "error" in answer
        if should_stop():
            return False
    if num_failed:
        raise ValueError(f"{num_failed} files could not be read")
    return True


def _train_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data", nargs="+", type=Path, help="folders with annotations.json and images/"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--name", help="default: the name of the folder --out")
    parser.add_argument(
        "--start-from", help=f"one of {', '.join(list_models())}, or a folder"
    )
    parser.add_argument("--imagenet", type=Path, help="EfficientNet-Lite weights file")
    parser.add_argument("--teacher", type=Path, help="ONNX detector to learn from")
    parser.add_argument(
        "--teacher-classes",
        type=int,
        nargs="*",
        default=[],
        help="its class number for each of ours, or -1",
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")


def _train(options: argparse.Namespace, *, report: Report, should_stop: Stop) -> bool:
    recipes = importlib.import_module("deepseek_vision.training.recipe")
    run = importlib.import_module("deepseek_vision.training.run")
    changes = dict(_settings(options.set))
    recipe = recipes.preset(options.preset, **changes)
    job = run.Job(
        data=tuple(options.data),
        out=options.out,
        name=options.name or options.out.resolve().name,
        start_from=options.start_from,
        imagenet=options.imagenet,
        teacher=options.teacher,
        teacher_class_of=tuple(options.teacher_classes),
        device=options.device,
    )
    run.train(job, recipe, report=report, should_stop=should_stop)
    return not should_stop()


def _settings(pairs: list[str]) -> Iterator[tuple[str, object]]:
    for pair in pairs:
        name, is_given, value = pair.partition("=")
        if not is_given:
            raise ValueError(f"--set takes NAME=VALUE, got {pair!r}")
        try:
            yield name, json.loads(value)
        except ValueError:
            yield name, value


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--side", type=int, help="longer side, in pixels")
    parser.add_argument("--precision", default="int8")


def _evaluate(
    options: argparse.Namespace, *, report: Report, should_stop: Stop
) -> bool:
    del report, should_stop
    measure = importlib.import_module("deepseek_vision.measure")
    metrics = measure.evaluate_served(
        options.model,
        options.data,
        precision=options.precision,
        split=options.split,
        side_px=options.side,
    )
    sys.stdout.write(json.dumps(metrics) + "\n")
    return True


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="the model's folder")
    parser.add_argument("data", nargs="+", type=Path, help="pictures to calibrate with")


def _export(options: argparse.Namespace, *, report: Report, should_stop: Stop) -> bool:
    del report, should_stop
    run = importlib.import_module("deepseek_vision.training.run")
    run.export_folder(options.model, data=tuple(options.data))
    return True


COMMANDS = (
    Command(
        name="run",
        help="answer RUN_DIR/spec.json with events on stdout",
        add_arguments=_run_arguments,
        run=_run,
    ),
    Command(
        name="generate",
        help="write pictures with exactly known defects",
        add_arguments=_generate_arguments,
        run=_generate,
    ),
    Command(
        name="detect",
        help="find objects in pictures, one line of JSON each",
        add_arguments=_detect_arguments,
        run=_detect,
    ),
    Command(
        name="train",
        help="train a detector on your pictures",
        add_arguments=_train_arguments,
        run=_train,
    ),
    Command(
        name="evaluate",
        help="COCO average precision through the runtime that serves",
        add_arguments=_evaluate_arguments,
        run=_evaluate,
    ),
    Command(
        name="export",
        help="write a model's fp32 and int8 ONNX files",
        add_arguments=_export_arguments,
        run=_export,
    ),
    Command(
        name="prune",
        help="cut the inner channels that matter least",
        add_arguments=compression.prune_arguments,
        run=compression.prune,
    ),
    Command(
        name="distill",
        help="teach a student model by a teacher of the same classes",
        add_arguments=compression.distill_arguments,
        run=compression.distill,
    ),
    Command(
        name="quantize",
        help="write the 8-bit form, with --steps made aware of its rounding",
        add_arguments=compression.quantize_arguments,
        run=compression.quantize,
    ),
    Command(
        name="compress",
        help="prune, teach and quantise to a target, and report the measured front",
        add_arguments=compression.compress_arguments,
        run=compression.compress,
    ),
    Command(
        name="segment",
        help="the class of each pixel of pictures, DICOM and NIfTI slices",
        add_arguments=segmentation.segment_arguments,
        run=segmentation.segment,
    ),
    Command(
        name="train-segmenter",
        help="train a segmenter on your outlined pictures",
        add_arguments=segmentation.train_segmenter_arguments,
        run=segmentation.train_segmenter,
    ),
    Command(
        name="evaluate-segmenter",
        help="Dice and HD95 through the runtime that serves",
        add_arguments=segmentation.evaluate_segmenter_arguments,
        run=segmentation.evaluate_segmenter,
    ),
    Command(
        name="train-clicks",
        help="train a model that outlines what is clicked on",
        add_arguments=segmentation.train_clicks_arguments,
        run=segmentation.train_clicks,
    ),
    Command(
        name="train-instances",
        help="train a detector that outlines each thing it finds",
        add_arguments=segmentation.train_instances_arguments,
        run=segmentation.train_instances,
    ),
    Command(
        name="evaluate-instances",
        help="COCO average precision of masks and boxes",
        add_arguments=segmentation.evaluate_segmenter_arguments,
        run=segmentation.evaluate_instances,
    ),
    Command(
        name="find-instances",
        help="find objects with their masks, one line of JSON a picture",
        add_arguments=segmentation.find_instances_arguments,
        run=segmentation.find_instances,
    ),
)
