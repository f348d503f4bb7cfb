"""Tools that run the model: on the detector that ships and pictures with known defects."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from deepseek_diagnostics import shrinking
from deepseek_diagnostics.applying import apply, carry_out
from deepseek_diagnostics.corruptions import CORRUPTIONS, corrupted
from deepseek_diagnostics.errors import (
    DataError,
    NotApplicableError,
    StopRequestedError,
)
from deepseek_diagnostics.graphs import layers_of, readable
from deepseek_diagnostics.maps import coarse
from deepseek_diagnostics.profiling import serving_of, trace
from deepseek_diagnostics.spec import ApplySpec
from deepseek_diagnostics.tools import (
    attention,
    latency,
    pruning,
    quantisation,
    robustness,
    saliency,
)
from deepseek_vision.hub import DEFAULT_MODEL, SHIPPED, find_model
from deepseek_vision.images import read_picture
from deepseek_vision.predict import ObjectDetector, load_model
from deepseek_vision.quantize import read_plan
from deepseek_vision.training.run import restore
from tests.unit.deepseek_diagnostics.cases import spoil


def test_the_time_of_a_picture_is_taken_apart(made: Any):
    told = latency.run(made())

    assert set(told.values["stages_ms"]) == {"read", "model", "rest"}
    assert told.headline is not None
    assert sum(told.values["stages_ms"].values()) == pytest.approx(
        told.headline.value, rel=0.5
    )
    assert set(told.values["sweep_ms"]["1"]) == {"1", "2", "4"}
    convolutions = {n: o for n, o in told.values["operators"].items() if "Conv" in n}
    packed = (SHIPPED / DEFAULT_MODEL / "model.int8.onnx").stat().st_size
    held = sum(one["weights"] for one in convolutions.values())
    assert 0.5 * packed < held < packed  # the rest of the file is text and structure
    assert told.values["peak_run_mb"] > 1
    layers, roof = told.plots[2].series
    assert len(layers.x) > 50
    assert max(roof.y) == pytest.approx(told.values["peak_gflops"], rel=0.01)
    sizes = told.plots[-1].series[0]
    assert len(sizes.x) == 4
    assert all(len(some) == 1 for some in sizes.images)
    # What others took of the machine is no difference of two models.
    idle = told.headline.value * (1 - told.values["share_of_others"])
    assert told.headline.low <= idle


def test_8_bits_do_the_same_work_as_32_on_fewer_bytes(made: Any):
    cases = [made(precision=one) for one in ("int8", "fp32")]
    packed, exact = (trace(one, serving_of(one, 0)).layers.values() for one in cases)

    work, same = (sum(one["flops"] for one in some) for some in (packed, exact))
    assert work == pytest.approx(same, rel=0.01)
    assert all(one["flops"] > 0 for one in packed)
    assert sum(one["bytes"] for one in packed) < 0.6 * sum(o["bytes"] for o in exact)


def test_the_layer_that_8_bits_spoil_is_named(made: Any, copy: Path):
    model = onnx.load(copy / "model.onnx")
    packed = {
        node.name: value
        for node, value in layers_of(onnx.load(copy / "model.int8.onnx"))
    }
    layers = [one for one in layers_of(model) if one[0].name in packed]
    node, weights = max(layers, key=lambda one: one[1].size)
    for value in model.graph.initializer:
        if value.name == node.input[1]:
            # Of the exact weights only their signs are left: 8 bits no longer fit them.
            rough = np.sign(weights) * np.abs(weights).max()
            value.CopyFrom(
                numpy_helper.from_array(rough.astype(np.float32), value.name)
            )
    onnx.save(model, copy / "model.onnx")

    told = quantisation.run(made(copy))

    worst = min(told.tables[0].rows, key=lambda row: row[1])
    assert worst[0] == readable(node.name)
    assert set(told.values["AP"]) == {"fp32", "int8", "int8, 2 fp32", "int8, 5 fp32"}
    layers, front = told.plots
    assert all(layers.series[1].images)  # the probed pictures; weights have none
    assert not layers.series[0].images
    changed = front.series[0].images[0]
    assert changed == tuple(one.image for one in told.findings[0].evidence)
    kinds = {mark.kind for one in told.findings[0].evidence for mark in one.marks}
    assert kinds <= {"found", "other"}


def test_a_layer_is_put_back_into_float(copy: Path, line: Path, tmp_path: Path):
    model = onnx.load(copy / "model.onnx")
    packed = {
        node.name: node for node, _w in layers_of(onnx.load(copy / "model.int8.onnx"))
    }
    layer = next(n.name for n, _w in reversed(layers_of(model)) if n.name in packed)
    spec = ApplySpec(
        model=str(copy),
        out=str(tmp_path / "out"),
        data=str(line),
        float_layers=(layer,),
    )
    told: list[Any] = []

    carry_out(spec, report=told.append, should_stop=lambda: False)

    made = onnx.load(tmp_path / "out" / "model.int8.onnx")
    (node,) = (one for one in made.graph.node if one.name == layer)
    assert node.input[1] in {one.name for one in made.graph.initializer}
    others = [n for n, _w in layers_of(made) if n.name in packed and n.name != layer]
    assert any(one.input[1].endswith("DequantizeLinear_Output") for one in others)
    assert layer in read_plan(tmp_path / "out")[0]
    assert told[-1].num_done == told[0].num_steps == 1
    with pytest.raises(DataError, match="no layer called magic"):
        carry_out(
            replace(spec, out=str(tmp_path / "no"), float_layers=("magic",)),
            report=told.append, should_stop=lambda: False,
        )  # fmt: skip


def test_a_narrower_model_is_taught_and_serves(
    line: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shrinking, "BATCH_SIZE", 1)
    spec = ApplySpec(
        model=DEFAULT_MODEL, out=str(tmp_path / "out"), data=str(line), keep=0.5,
        num_steps=1,
    )  # fmt: skip

    carry_out(spec, report=lambda _event: None, should_stop=lambda: False)

    before, after = (
        (folder / "model.int8.onnx").stat().st_size
        for folder in (SHIPPED / DEFAULT_MODEL, tmp_path / "out")
    )
    assert after < 0.9 * before
    with pytest.raises(StopRequestedError):
        carry_out(
            replace(spec, out=str(tmp_path / "no")),
            report=lambda _event: None, should_stop=lambda: True,
        )  # fmt: skip
    assert not (tmp_path / "no").exists()


def test_filters_that_do_nothing_are_spare(made: Any, copy: Path):
    model = onnx.load(copy / "model.onnx")
    node, weights = next(
        one for one in layers_of(model) if len(one[1]) >= 16 and one[1].shape[1] > 1
    )
    idle = weights.copy()
    idle[: len(idle) // 2] = 0
    for value in model.graph.initializer:
        if value.name == node.input[1]:
            value.CopyFrom(numpy_helper.from_array(idle, value.name))
        if value.name in list(node.input[2:]):
            bias = numpy_helper.to_array(value).copy()
            bias[: len(idle) // 2] = 0
            value.CopyFrom(numpy_helper.from_array(bias, value.name))
    onnx.save(model, copy / "model.onnx")

    told = pruning.run(made(copy, options={"most_layers": 2}))

    assert told.findings[0].changes == {"keep": 0.75, "preset": "edge"}
    assert told.headline is not None
    assert told.headline.low <= told.headline.value <= told.headline.high
    assert told.values["layers"][0] == node.name
    assert told.values["loss"][0] == 0
    assert told.findings[0].figures["num"] >= 1
    losses, images = told.plots[0].series[0].y, told.plots[0].series[0].images
    # Pictures are behind what was lost, and behind nothing else.
    assert [bool(loss) for loss in losses] == [bool(some) for some in images]

    (copy / "model.safetensors").unlink()
    told = pruning.run(made(copy, options={"most_layers": 2}))
    assert told.findings[0].changes == {"preset": "edge"}  # nothing to narrow


def test_what_dynamic_parts_chose_is_read_and_how_far_the_model_looks(made: Any):
    told = attention.run(made())

    assert {"gate", "reach.0", "reach.1"} <= set(told.values["spread"])
    rows = {row[0]: row for row in told.tables[0].rows}
    assert 1 <= rows["reach.0"][1] <= 3
    assert 0 <= rows["gate"][1] <= 1
    left = told.values["windows"]
    # Half of a defect is less of one; with some surroundings all of it is there.
    assert left["0.5"] < left["1.5"]
    assert left["4.0"] > 0.8
    plot = told.plots[0]
    assert plot.title == "How far around a box it looks"
    assert all(plot.series[0].images)


def test_one_picture_says_nothing_of_what_differs_between_pictures(
    made: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(attention, "NUM_PROBED", 1)

    with pytest.raises(NotApplicableError, match="one picture says nothing"):
        attention.run(made())


def test_every_corruption_changes_the_picture_more_when_severer():
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:96, 0:128]
    picture = np.stack(
        [rows * 2, columns * 1.5, 90 + 60 * np.sin(rows * 2) * np.cos(columns * 1.3)],
        -1,
    ).astype(np.uint8)

    for name in CORRUPTIONS:
        mild, hard = (
            np.abs(corrupted(picture, name, level, rng).astype(float) - picture).mean()
            for level in (1, 5)
        )
        assert 0.1 < mild < hard < 140, name


def test_corruption_costs_precision(made: Any, monkeypatch: pytest.MonkeyPatch):
    few = {name: CORRUPTIONS[name] for name in ("gaussian noise", "brightness")}
    monkeypatch.setattr(robustness, "CORRUPTIONS", few)

    told = robustness.run(made(options={"robustness_images": 2}))

    assert told.values["mPC"] <= told.values["AP"]
    assert set(told.values["shifts"]) == {"1", "2", "4", "8"}
    bars, curves, shifts = told.plots
    assert bars.series[0].images[0]
    assert curves.series[0].images[0] == ()  # nothing is lost in a clean picture
    assert [y < 1 for y in shifts.series[0].y] == [
        bool(some) for some in shifts.series[0].images
    ]
    assert {mark.kind for mark in told.findings[0].evidence[0].marks} == {"truth"}


def test_a_map_lies_on_its_object_and_beats_chance(
    made: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(saliency, "NUM_IMAGES", 1)
    monkeypatch.setattr(saliency, "NUM_MASKS", 24)
    monkeypatch.setattr(saliency, "STEPS", 5)
    case = made()

    told = saliency.run(case)

    assert {"D-RISE", "Grad-CAM", "Integrated gradients", "chance"} == set(told.values)
    score = {
        name: one["insertion"] - one["deletion"] for name, one in told.values.items()
    }
    assert max(score["Grad-CAM"], score["Integrated gradients"]) > score["chance"]
    bar = told.plots[0].series[0]
    assert [bool(some) for some in bar.images] == [name != "chance" for name in bar.x]
    assert [one.of for one in told.findings[0].evidence] == list(bar.x[:3])
    evidence = told.findings[0].evidence[2]
    image = next(one for one in case.truth.images if one.id == evidence.image)
    heat = np.array(evidence.heat)
    x1, y1, x2, y2 = evidence.marks[0].bbox
    side = image.width / 24
    rows, columns = np.mgrid[0:24, 0:24] + 0.5
    rows, columns = rows * image.height / 24, columns * side
    inside = (columns > x1 - side) & (columns < x2 + side)
    inside &= (rows > y1 - side) & (rows < y2 + side)
    assert heat[inside].mean() > 2 * heat[~inside].mean()


def test_without_weights_gradients_are_left_out_and_said_so(
    made: Any, copy: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(saliency, "NUM_IMAGES", 1)
    monkeypatch.setattr(saliency, "NUM_MASKS", 8)
    monkeypatch.setattr(saliency, "STEPS", 2)
    (copy / "model.safetensors").unlink()
    (copy / "model.onnx").unlink()

    told = saliency.run(made(copy))

    assert set(told.values) == {"D-RISE", "chance"}
    assert "no weights to differentiate" in told.findings[0].next
    assert "One picture cannot say" in told.findings[0].text
    with pytest.raises(NotApplicableError, match="neither a 32-bit graph nor weights"):
        quantisation.run(made(copy))


def test_a_broken_model_is_refused_in_one_sentence(made: Any, copy: Path):
    def to_nan(array: np.ndarray, _weights: np.ndarray) -> np.ndarray:
        return np.asarray(array * np.nan) if array.dtype == np.float32 else array

    (copy / "model.int8.onnx").unlink()
    spoil(copy / "model.onnx", to_nan)

    with pytest.raises(DataError, match="NaN or infinity: its weights are damaged"):
        _ = made(copy).seen


def test_coarse_maps_keep_the_mean():
    values = np.arange(96 * 120, dtype=float).reshape(96, 120)

    assert coarse(values).mean() == pytest.approx(values.mean())


def test_a_temperature_is_put_into_every_file_of_the_model(tmp_path: Path, line: Path):
    out = apply(
        DEFAULT_MODEL, tmp_path / "cooled", temperature=2.0, score_threshold=0.4
    )
    picture = read_picture(next((line / "images").iterdir()))

    for precision in ("fp32", "int8"):
        scores = []
        for model in (DEFAULT_MODEL, out):
            detector = ObjectDetector(load_model(model, precision=precision))
            found = detector.find_pictures(
                [picture], detector.query(score_threshold=0.1)
            )
            scores.append(found[0].scores_N)
        warm, cool = scores
        expected = 1 / (1 + np.exp(-np.log(warm / (1 - warm)) / 2))
        assert np.allclose(expected, cool[: len(warm)], atol=2e-3)
    torch_scores = []
    for model in (SHIPPED / DEFAULT_MODEL, out):
        loaded, _config = restore(model)
        prompts = torch.from_numpy(find_model(model).read_prompts())
        with torch.no_grad():
            torch_scores.append(loaded(torch.zeros(1, 3, 64, 64), prompts).logits_BAP)
    assert torch.allclose(torch_scores[0] / 2, torch_scores[1], atol=0.05)
    assert find_model(out).config.score_threshold == 0.4
    with pytest.raises(DataError, match="is there already"):
        apply(DEFAULT_MODEL, out)
    with pytest.raises(DataError, match="must be in"):
        apply(DEFAULT_MODEL, tmp_path / "no", temperature=0)
