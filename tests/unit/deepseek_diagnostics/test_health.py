"""Whether a training was well: what its curves and its layers say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
    curves = {
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
    spread, _fired, silent = told.plots[-3:]
    assert min(spread.series[0].y) == 0
    assert all(0 <= share <= 1 for share in silent.series[0].y)
