"""Segmenters of pixels and of objects, training of clicks: their command line."""

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from deepseek_vision import events

Report = Callable[[events.Event], None]
Stop = Callable[[], bool]
_PACKAGE = "deepseek_vision.segmentation"


def _part(name: str) -> Any:
    return importlib.import_module(f"{_PACKAGE}.{name}")


def _changes(pairs: list[str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for pair in pairs:
        name, is_given, value = pair.partition("=")
        if not is_given:
            raise ValueError(f"--set takes NAME=VALUE, got {pair!r}")
        try:
            read = json.loads(value)
        except ValueError:
            read = value
        changes[name] = tuple(read) if isinstance(read, list) else read
    return changes


def _recipe(kind: Any, options: argparse.Namespace, **given: Any) -> Any:
    wanted = {**_changes(options.set), **given}
    if options.steps is not None:
        wanted["num_steps"] = options.steps
    if options.seconds is not None:
        wanted["max_seconds"] = options.seconds
    try:
        return kind(**wanted)
    except TypeError as error:
        names = ", ".join(kind.__dataclass_fields__)
        raise ValueError(f"{error}; a recipe has: {names}") from None


def _teaching(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", help="default: the name of the folder --out")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seconds", type=float, help="decides instead of --steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")


def train_segmenter_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data", nargs="+", type=Path, help="folders with annotations.json and images/"
    )
    parser.add_argument("--zoom", type=float, default=1.0, help="enlarge by this")
    parser.add_argument("--spacing", type=float, help="a pixel's side in mm, if known")
    parser.add_argument(
        "--window", type=float, nargs=2, help="values shown as black and white"
    )
    parser.add_argument("--start-from", help="a detector whose trunk is taken")
    parser.add_argument("--go-on-from", help="a segmenter of the same classes")
    _teaching(parser)


def train_segmenter(
    options: argparse.Namespace, *, report: Report, should_stop: Stop
) -> bool:
    del report
    run, directory = _part("semantic.run"), _part("semantic.directory")
    training = _part("semantic.training")
    job = run.SemanticJob(
        data=tuple(options.data),
        out=options.out,
        config=directory.SegmenterConfig(
            name=options.name or options.out.resolve().name,
            classes=("any",),
            zoom=options.zoom,
            spacing_mm=options.spacing,
            window=tuple(options.window) if options.window else None,
        ),
        start_from=options.start_from,
        go_on_from=options.go_on_from,
        device=options.device,
    )
    recipe = _recipe(training.SemanticRecipe, options, seed=options.seed)
    run.train(job, recipe, should_stop=should_stop)
    return not should_stop()


def evaluate_segmenter_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="val")


def evaluate_segmenter(
    options: argparse.Namespace, *, report: Report, should_stop: Stop
) -> bool:
    del report, should_stop
    found = _part("semantic.run").evaluate(
        options.model, options.data, split=options.split
    )
    sys.stdout.write(json.dumps(found) + "\n")
    return True


def segment_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model")
    parser.add_argument(
        "paths", nargs="+", type=Path, help="pictures, DICOM or NIfTI files, or folders"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for masks")
    parser.add_argument(
        "--draw", action="store_true", help="pictures with outlines too"
    )


def segment(options: argparse.Namespace, *, report: Report, should_stop: Stop) -> bool:
    del report
    answers = _part("semantic.files").segment_files(
        options.model, options.paths, options.out, is_drawn=options.draw
    )
    return _told(answers, should_stop)


def train_clicks_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = {
        "masks": "everyday things with polygons",
        "cells": "small things with polygons, any side up",
        "boxes": "folders whose boxes alone are learned from",
    }
    for name, help_text in kinds.items():
        parser.add_argument(
            f"--{name}", nargs="+", type=Path, default=[], help=help_text
        )
    parser.add_argument("--start-from", help="a detector whose trunk is taken")
    parser.add_argument("--go-on-from", help="a click model that has safetensors")
    _teaching(parser)


def train_clicks(
    options: argparse.Namespace, *, report: Report, should_stop: Stop
) -> bool:
    del report
    run, training = _part("click.run"), _part("click.training")
    job = run.ClickJob(
        real=tuple(options.masks),
        cells=tuple(options.cells),
        boxed=tuple(options.boxes),
        out=options.out,
        name=options.name or options.out.resolve().name,
        go_on_from=options.go_on_from,
        start_from=options.start_from,
        device=options.device,
        seed=options.seed,
    )
    recipe = _recipe(training.ClickRecipe, options)
    run.train(job, recipe, should_stop=should_stop)
    return not should_stop()


def train_instances_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data", nargs="+", type=Path, help="folders with annotations.json and images/"
    )
    parser.add_argument("--start-from", help="a detector that is taken whole")
    parser.add_argument("--go-on-from", type=Path, help="an instance segmenter")
    parser.add_argument(
        "--small", action="store_true", help="the graph's weights in 8 bits"
    )
    _teaching(parser)


def train_instances(
    options: argparse.Namespace, *, report: Report, should_stop: Stop
) -> bool:
    del report
    run, training = _part("instances.run"), _part("instances.training")
    job = run.InstanceJob(
        data=tuple(options.data),
        out=options.out,
        name=options.name or options.out.resolve().name,
        start_from=options.start_from,
        go_on_from=options.go_on_from,
        device=options.device,
        is_small=options.small,
    )
    recipe = _recipe(training.InstanceRecipe, options, seed=options.seed)
    run.train(job, recipe, should_stop=should_stop)
    return not should_stop()


def evaluate_instances(
    options: argparse.Namespace, *, report: Report, should_stop: Stop
) -> bool:
    del report, should_stop
    found = _part("instances.run").evaluate(
        options.model, options.data, split=options.split
    )
    sys.stdout.write(json.dumps(found) + "\n")
    return True


def find_instances_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a name, or what train-instances wrote")
    parser.add_argument("paths", nargs="+", type=Path, help="pictures or folders")
    parser.add_argument("--score", type=float, help="least score, 0 to 1")
    parser.add_argument("--draw", type=Path, help="folder for pictures with masks")


def find_instances(
    options: argparse.Namespace, *, report: Report, should_stop: Stop
) -> bool:
    del report
    answers = _part("instances.files").find_in_files(
        options.model,
        options.paths,
        score_threshold=options.score,
        draw_into=options.draw,
    )
    return _told(answers, should_stop)


def _told(answers: Iterator[dict[str, Any]], should_stop: Stop) -> bool:
    num_failed = 0
    for answer in answers:
        sys.stdout.write(json.dumps(answer) + "\n")
        num_failed += "error" in answer
        if should_stop():
            return False
    if num_failed:
        raise ValueError(f"{num_failed} files could not be read")
    return True
