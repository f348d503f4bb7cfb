"""Prune, distil, quantise, compress: the command line of `compression`."""

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepseek_vision import events

Report = Callable[[events.Event], None]
Stop = Callable[[], bool]


def _module() -> Any:
    return importlib.import_module("deepseek_vision.compression")


def _lesson(options: argparse.Namespace, **changes: Any) -> Any:
    distill = importlib.import_module("deepseek_vision.training.distill")
    return distill.Lesson(
        num_steps=options.steps,
        max_seconds=options.seconds,
        batch_size=options.batch,
        seed=options.seed,
        **changes,
    )


def _shop(options: argparse.Namespace, report: Report, should_stop: Stop) -> Any:
    return _module().Workshop(
        data=tuple(options.data),
        report=report,
        should_stop=should_stop,
        device=options.device,
    )


def _teaching(parser: argparse.ArgumentParser, *, steps: int) -> None:
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=steps, help="0: no teaching")
    parser.add_argument("--seconds", type=float, help="of teaching, at most")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")


def _rate(options: argparse.Namespace, usual: float) -> float:
    return usual if options.lr is None else float(options.lr)


def prune_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path)
    parser.add_argument("--keep", type=float, default=0.75, help="share of channels")
    parser.add_argument("--out", type=Path, required=True)


def prune(options: argparse.Namespace, *, report: Report, should_stop: Stop) -> bool:
    del report, should_stop
    hub = importlib.import_module("deepseek_vision.hub")
    source = hub.find_model(options.model).path
    _module().prune_model(source, options.out, keep=options.keep)
    return True


def distill_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("teacher", type=Path)
    parser.add_argument("student", type=Path)
    parser.add_argument("data", nargs="+", type=Path)
    _teaching(parser, steps=1000)


def distill(options: argparse.Namespace, *, report: Report, should_stop: Stop) -> bool:
    lesson = _lesson(options, lr=_rate(options, 4e-4))
    shop = _shop(options, report, should_stop)
    _module().distill_model(options.teacher, options.student, options.out, lesson, shop)
    return not should_stop()


def quantize_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument(
        "--float", nargs="*", metavar="PART", help="layers to leave in float, by name"
    )
    parser.add_argument(
        "--wanted-db",
        type=float,
        help="measure which layers must stay in float for logits that near",
    )
    _teaching(parser, steps=0)


def quantize(options: argparse.Namespace, *, report: Report, should_stop: Stop) -> bool:
    lesson = (
        _lesson(options, lr=_rate(options, 2e-4), is_aware=True)
        if options.steps
        else None
    )
    shop, chosen = _shop(options, report, should_stop), {}
    if options.float is not None:
        chosen = {"float_parts": tuple(options.float)}
    elif options.wanted_db is not None:
        parts, gains = _module().sensitivity(
            options.model, shop, wanted_db=options.wanted_db
        )
        rounded = {name: round(value, 2) for name, value in gains.items()}
        sys.stdout.write(json.dumps({"float": parts, "gains_db": rounded}) + "\n")
        chosen = {"float_parts": tuple(parts)}
    _module().quantize_model(options.model, options.out, shop, lesson=lesson, **chosen)
    return not should_stop()


def compress_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--target", default="", help='like "≤ 10 ms, ≤ 3 MB"')
    parser.add_argument("--keep", type=float, nargs="+", default=[1.0, 0.75, 0.5])
    parser.add_argument(
        "--aware-steps", type=int, default=0, help="of quantisation-aware training"
    )
    _teaching(parser, steps=300)


def compress(options: argparse.Namespace, *, report: Report, should_stop: Stop) -> bool:
    module = importlib.import_module("deepseek_vision.front")
    target = module.Target.parse(options.target)
    distill = importlib.import_module("deepseek_vision.training.distill")
    rounding = (
        distill.Lesson(
            num_steps=options.aware_steps,
            batch_size=options.batch,
            lr=2e-4,
            is_aware=True,
            seed=options.seed,
        )
        if options.aware_steps
        else None
    )
    flow = module.Flow(
        keeps=tuple(options.keep),
        lesson=_lesson(options, lr=_rate(options, 4e-4)) if options.steps else None,
        rounding=rounding,
    )
    shop = _shop(options, report, should_stop)
    hub = importlib.import_module("deepseek_vision.hub")
    source = hub.find_model(options.model).path
    points = module.compress(source, options.out, flow, shop, target=target)
    return bool(points)
