"""Whether a training was well: what its curves and its layers say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from deepseek_diagnostics.errors import DataError
from deepseek_diagnostics.flowing import flows_seen
from deepseek_diagnostics.graphs import readable
from deepseek_diagnostics.tools import health
from deepseek_diagnostics.units import layers_seen
from tests.unit.deepseek_diagnostics.cases import spoil


def test_spikes_stalls_and_learning_by_heart_are_seen(made: Any, tmp_path: Path):
    rng = np.random.default_rng(1)
    steps = list(range(0, 2000, 20))
    loss = 3 * np.exp(-np.arange(100) / 40) + 0.02 * rng.random(100)
    loss[60] += 2
    speed = np.full(100, 20.0)
    speed[10:25] = 4
    norm = np.full(100, 3.0)
    norm[60] = 40
    curves = {
        "grad_norm": {"steps": steps, "values": norm.tolist()},
        "loss": {"steps": steps, "values": loss.tolist()},
        "images_per_s": {"steps": steps, "values": speed.tolist()},
        "val/AP": {
            "steps": [0, 1, 2, 3, 4, 5],
            "values": [0.1, 0.4, 0.5, 0.45, 0.4, 0.38],
        },
    }
    path = tmp_path / "curves.json"
    path.write_text(json.dumps(curves))

    told = health.run(made(curves=str(path)))

    assert told.values["spikes"] == [1200]
    assert told.values["stalled"] == pytest.approx(0.15)
    codes = {one.code for one in told.findings}
    assert {"health.spikes", "health.stalls", "health.overfit"} <= codes
    assert told.values["units"] > 1000
    log = next(one for one in told.tables if one.title.startswith("Log"))
    assert [row[0] for row in log.rows] == [1200]
    assert log.rows[0][1] > 3 * log.rows[0][2]  # what it was, and is around it
    assert log.rows[0][3] == 40


def test_a_layer_that_learned_nothing_has_weights_without_spread(
    made: Any, copy: Path, tmp_path: Path
):
    name = spoil(copy / "model.onnx", lambda array, _w: array * 0)
    path = tmp_path / "curves.json"
    path.write_text(json.dumps({"loss": {"steps": [0, 1], "values": [2.0, 1.0]}}))

    told = health.run(made(copy, curves=str(path)))

    layers = {one.name: one for one in layers_seen(made(copy))}
    assert layers[readable(name)].weight_spread == 0
    assert sum(one.weight_spread == 0 for one in layers.values()) == 1
    titles = {plot.title: plot for plot in told.plots}
    spread, silent = titles["Spread of weights"], titles["Share of silent answers"]
    assert min(spread.series[0].y) == 0
    assert all(0 <= share <= 1 for share in silent.series[0].y)


def test_the_events_of_a_distributed_run_tell_where_its_steps_went(
    made: Any, copy: Path, tmp_path: Path
):
    for name in ("model.safetensors", "model.onnx"):
        (copy / name).unlink()  # the curves are told without weights, too
    step = {"type": "step_done", "lr": 0.1, "grad_norm": 2.0, "images_per_s": 9.0}
    events = [
        step | {"step": n, "loss": 2 - n / 20, "step_ms": 100.0,
                "exposed_comm_ms": 40.0, "compute_ratio": 0.25}
        for n in range(1, 21)
    ]  # fmt: skip
    events.append({"type": "evaluation_done", "step": 20, "metrics": {"AP": 0.5}})
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(map(json.dumps, events)))

    told = health.run(made(copy, curves=str(path)))

    by_code = {one.code: one.figures for one in told.findings}
    assert by_code["health.communication"]["share"] == "40 %"
    assert by_code["health.data"]["share"] == "35 %"
    assert len(told.plots) == 6
    path.write_text('{"loss": 3}')
    with pytest.raises(DataError, match="neither curves nor a trainer's events"):
        health.run(made(copy, curves=str(path)))


def test_where_no_gradient_passes_the_layers_before_it_are_named(
    made: Any, copy: Path, tmp_path: Path
):
    path = tmp_path / "curves.json"
    path.write_text(json.dumps({"loss": {"steps": [0, 1], "values": [2.0, 1.0]}}))
    weights = load_file(copy / "model.safetensors")
    doors = [one for one in weights if one.startswith("encoder.lateral.")]
    weights |= {one: weights[one] * 0 for one in doors if weights[one].ndim == 4}
    save_file(weights, copy / "model.safetensors")

    told = health.run(made(copy, curves=str(path)))

    quiet = next(one for one in told.findings if one.code == "health.quiet")
    assert quiet.figures["layer"] == "backbone.stem.0"
    backbone = sum(
        layer.startswith("backbone.") for layer in dict(told.tables[-1].rows)
    )
    assert quiet.figures["num"] >= backbone > 10
    intact = [one.ratio for one in flows_seen(made()) if "backbone." in one.name]
    assert min(intact) > 0
