"""Puts what a report advises into a model directory.

A temperature, a threshold, layers that stay in float, or a narrower network.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from safetensors.numpy import load_file, save_file

from deepseek_diagnostics import events
from deepseek_diagnostics.errors import DataError
from deepseek_diagnostics.requantising import requantise
from deepseek_diagnostics.seeing import is_ours
from deepseek_diagnostics.spec import ApplySpec
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.errors import VisionError
from deepseek_vision.hub import (
    PRECISIONS,
    TORCH_FILE,
    ModelDirectory,
    find_model,
    make_readable,
)


def carry_out(
    spec: ApplySpec,
    *,
    report: Callable[[events.Event], None],
    should_stop: Callable[[], bool],
) -> None:
    """Write the changed copy of a model that a spec asks for.

    Raises:
        DataError: It cannot be; says why.
        StopRequestedError: ``should_stop`` said so.
    """
    out, is_narrowed = Path(spec.out), spec.keep != 1
    num_steps = spec.num_steps if is_narrowed else 1
    report(events.Started(tools=(), num_images=0, num_steps=num_steps))
    if is_narrowed:
        # Loads torch, which the other changes do without.
        from deepseek_diagnostics.shrinking import Narrower, shrink  # noqa: PLC0415

        how = Narrower(
            keep=spec.keep,
            num_steps=spec.num_steps,
            tell=lambda step: report(events.Progress(tool="", num_done=step)),
            should_stop=should_stop,
        )
        shrink(_found(spec.model, out), out, data=Path(spec.data), how=how)
    elif spec.float_layers:
        directory = _found(spec.model, out)
        layers = spec.float_layers
        requantise(directory, out, data=Path(spec.data), float_layers=layers)
    else:
        apply(
            spec.model,
            out,
            temperature=spec.temperature,
            score_threshold=spec.score_threshold,
        )
    report(events.Progress(tool="", num_done=num_steps))


def apply(
    model: str | Path,
    out: Path,
    *,
    temperature: float = 1.0,
    score_threshold: float | None = None,
) -> Path:
    """Write a copy of a model whose scores are cooled, or which asks for higher ones.

    Graphs and weights give the same scores as before with their logits divided by the
    temperature; boxes and their order stay. The threshold is the one to use with the
    new scores.

    Raises:
        DataError: There is no such model, the folder is taken, or a number is absurd.
    """
    if not 0.05 <= temperature <= 20:
        raise DataError(
            "the temperature must be in [0.05, 20], got {value}", value=temperature
        )
    if score_threshold is not None and not 0 < score_threshold < 1:
        raise DataError(
            "the threshold must be between 0 and 1, got {value}", value=score_threshold
        )
    if not is_ours(model) and temperature != 1:
        raise DataError(
            _(
                "a temperature can be written into detectors trained here alone: change "
                "this model where it was made"
            )
        )
    shutil.copytree(_folder(model, out), out)
    for name in PRECISIONS.values():
        if (out / name).is_file() and temperature != 1:
            _cool_graph(out / name, temperature)
    if (out / TORCH_FILE).is_file() and temperature != 1:
        _cool_weights(out / TORCH_FILE, temperature)
    config: dict[str, Any] = json.loads(
        (out / "config.json").read_text(encoding="utf-8")
    )
    if score_threshold is not None:
        config["score_threshold"] = score_threshold
    text = json.dumps(config, indent=2) + "\n"
    (out / "config.json").write_text(text, encoding="utf-8")
    return out


def _folder(model: str | Path, out: Path) -> Path:
    """Of a model of any format."""
    if is_ours(model):
        return _found(model, out).path
    if out.exists():
        raise DataError("{out} is there already: name a new folder", out=str(out))
    return Path(model)


def _found(model: str | Path, out: Path) -> ModelDirectory:
    if out.exists():
        raise DataError("{out} is there already: name a new folder", out=str(out))
    try:
        return find_model(model)
    except VisionError as error:
        raise DataError("{reason}", reason=str(error)) from None


def _cool_graph(path: Path, temperature: float) -> None:
    """Divide the graph's logits; one that was cooled before is cooled further."""
    model = onnx.load(path)
    graph = model.graph
    name = f"temperature_{len(graph.initializer)}"
    made = np.array(temperature, np.float32)
    graph.initializer.append(numpy_helper.from_array(made, name))
    inner = f"warm_logits_{len(graph.node)}"
    for node in graph.node:
        node.output[:] = [inner if one == "logits" else one for one in node.output]
        node.input[:] = [inner if one == "logits" else one for one in node.input]
    graph.node.append(helper.make_node("Div", [inner, name], ["logits"]))
    onnx.save(model, path)


def _cool_weights(path: Path, temperature: float) -> None:
    """Divide scale and bias of every class answer."""
    weights = load_file(path)
    for name, value in weights.items():
        is_answer = name.endswith(
            (".many.scale", ".many.bias", ".one.scale", ".one.bias")
        )
        if is_answer and name.startswith("heads."):
            cooled = value.astype(np.float32) / temperature
            weights[name] = np.asarray(cooled, value.dtype)
    save_file(weights, path)
    make_readable(path)
