"""Models of other formats: what looks from outside works on any, the rest says why not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from deepseek_diagnostics.applying import apply
from deepseek_diagnostics.average import mean_ap
from deepseek_diagnostics.case import Case
from deepseek_diagnostics.catalog import TOOLS
from deepseek_diagnostics.errors import DataError
from deepseek_diagnostics.profiling import serving_of, trace
from deepseek_diagnostics.reporting import diagnose
from deepseek_diagnostics.result import ToolResult
from deepseek_diagnostics.spec import DiagnoseSpec
from deepseek_vision.segmentation.instances.directory import InstanceConfig
from deepseek_vision.segmentation.instances.export import export_instances
from deepseek_vision.segmentation.instances.network import build_instance_segmenter
from tests.unit.deepseek_diagnostics.foreign import (
    CELL,
    write_config,
    write_detector,
    write_pictures,
    write_segmenter,
)

SHARED = Path(__file__).parents[4] / "shared"
PICTURES = [[(n % 2, n % 7, 2), (1 - n % 2, 6 - n % 7, 5)] for n in range(24)]
CLOSED = {"quantisation", "pruning"}


def case(model: Path, data: Path, **more: Any) -> Case:
    spec = DiagnoseSpec(
        model=str(model), data=str(data), out=str(model.parent / "out"), **more
    )
    return Case(spec, tell=lambda _num: None)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ToolResult]:
    """A whole report on a foreign detector; one of twelve objects is not labeled."""
    folder = tmp_path_factory.mktemp("foreign")
    model = write_detector(folder / "model")
    data = write_pictures(folder / "data", PICTURES, unlabeled=5)
    curves = folder / "curves.json"
    curves.write_text(json.dumps({"loss": {"steps": [0, 1], "values": [2.0, 1.0]}}))
    spec = DiagnoseSpec(
        model=str(model), data=str(data), out=str(folder / "out"),
        other_model=str(model), reference=str(data), curves=str(curves),
        options={"robustness_images": 1},
    )  # fmt: skip
    results = diagnose(spec, report=lambda _event: None, should_stop=lambda: False)
    return {one.tool: one for one in results}


def test_every_tool_answers_or_says_in_one_line_why_not(told: dict[str, ToolResult]):
    assert set(told) == {tool.id for tool in TOOLS}
    skipped = {name for name, one in told.items() if one.skipped}
    assert skipped == CLOSED
    for name in CLOSED:
        assert "saliency (D-RISE) and latency look at any" in told[name].skipped


def test_what_the_detector_does_right_and_wrong_is_measured(
    told: dict[str, ToolResult],
):
    assert told["quality"].headline is not None
    assert told["quality"].values["AP50"] > 0.9  # one box finds what nobody labeled
    [suspect] = told["labels"].values["suspects"]
    assert (suspect["kind"], suspect["image"]) == ("missing", 2)
    assert told["comparison"].values["gate"] == "pass"
    assert told["drift"].headline is not None
    assert told["health"].tables == ()  # its layers are not known here


def test_it_is_explained_timed_and_looked_through_windows_from_outside(
    told: dict[str, ToolResult],
):
    saliency = told["saliency"]
    assert set(saliency.values) == {"D-RISE", "chance"}
    shown = saliency.findings[0].evidence[0]
    x1, y1, x2, y2 = shown.marks[0].bbox
    heat = np.array(shown.heat)
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    at = (np.array([column, row]) + 0.5) / heat.shape[0] * 16 * CELL
    cell = (x2 - x1) / 2  # masks are coarser than a box
    assert x1 - cell <= at[0] <= x2 + cell
    assert y1 - cell <= at[1] <= y2 + cell
    windows = told["attention"].values["windows"]
    assert windows["1.0"] == pytest.approx(1, abs=0.02)  # it sees a cell, no more
    assert windows["0.5"] < 0.8
    stages = told["latency"].values["stages_ms"]
    assert set(stages) == {"read", "model", "rest"}
    assert "Conv" in "".join(told["latency"].values["operators"])


def test_islands_of_a_mask_are_objects(tmp_path: Path):
    model = write_segmenter(tmp_path / "model")
    data = write_pictures(tmp_path / "data", PICTURES)

    made = case(model, data)

    assert made.seen.classes == ("nothing", "cat", "dog")
    assert len(made.found) == 2 * len(PICTURES)  # the rest of a picture is no label
    assert mean_ap(made.judged)[0] == pytest.approx(1)


def test_a_model_of_masks_is_measured_by_their_boxes(tmp_path: Path):
    """An untrained one: what it answers is nothing good, and all of it is measured."""
    torch.manual_seed(0)
    model = build_instance_segmenter("nano").eval()
    (tmp_path / "model").mkdir()
    export_instances(model, tmp_path / "model" / "model.onnx")
    options = model.size.as_options()
    config = InstanceConfig(
        name="a", classes=("dog", "cat"), side_px=96, options=options, score_threshold=0
    )
    (tmp_path / "model" / "config.json").write_text(config.to_json())
    data = write_pictures(tmp_path / "data", PICTURES[:2])
    out = str(tmp_path / "out")
    spec = DiagnoseSpec(
        model=str(tmp_path / "model"), data=str(data), out=out, tools=("quality",)
    )

    [told] = diagnose(spec, report=lambda _event: None, should_stop=lambda: False)

    assert told.skipped == ""
    assert told.values["AP"] == pytest.approx(0, abs=0.1)


def test_what_cannot_be_measured_is_said_in_one_line(tmp_path: Path):
    data = write_pictures(tmp_path / "data", PICTURES[:1])
    model = write_detector(tmp_path / "model")
    graph = onnx.load(model / "model.onnx")
    kernel = next(one for one in graph.graph.initializer if one.name == "kernel")
    damaged = numpy_helper.to_array(kernel) * np.float32("nan")
    kernel.CopyFrom(numpy_helper.from_array(damaged, "kernel"))
    onnx.save(graph, model / "model.onnx")
    with pytest.raises(DataError, match="answers with NaN: its weights are damaged"):
        _ = case(model, data).seen

    sorter = write_config(
        write_detector(tmp_path / "sorter"), decode={"kind": "classes"}
    )
    with pytest.raises(DataError, match="answers with labels, neither with boxes nor"):
        _ = case(sorter, data).seen

    write_config(sorter, format="keras-zip")
    with pytest.raises(DataError, match="nothing here runs the format 'keras-zip'"):
        _ = case(sorter, data).seen

    renamed = write_detector(tmp_path / "renamed", classes=["car", "bus"])
    with pytest.raises(DataError, match="no class of the model is a class of the data"):
        _ = case(renamed, data).found


def test_a_threshold_is_written_into_any_model_a_temperature_is_not(tmp_path: Path):
    model = write_detector(tmp_path / "model")

    made = apply(model, tmp_path / "made", score_threshold=0.6)

    assert json.loads((made / "config.json").read_text())["score_threshold"] == 0.6
    with pytest.raises(DataError, match="into detectors trained here alone"):
        apply(model, tmp_path / "no", temperature=2)


@pytest.mark.skipif(
    not (SHARED / "weights").is_dir() or not (SHARED / "data").is_dir(),
    reason="published weights and real photos are not on this machine",
)
def test_a_published_detector_is_measured(tmp_path: Path):
    """PicoDet-S, trained by others on COCO: 0.51 at IoU 0.5 on 128 of its pictures."""
    source = SHARED / "data" / "coco256_80"
    coco = json.loads((source / "annotations.json").read_text())
    coco["images"] = [row for row in coco["images"] if row["split"] == "val"][:8]
    kept = {row["id"] for row in coco["images"]}
    rows = coco["annotations"]
    coco["annotations"] = [row for row in rows if row["image_id"] in kept]
    data = tmp_path / "data"
    data.mkdir()
    (data / "images").symlink_to(source / "images")
    (data / "annotations.json").write_text(json.dumps(coco))
    model = tmp_path / "picodet"
    model.mkdir()
    weights = SHARED / "weights" / "picodet" / "picodet_s_416_coco.onnx"
    (model / "model.onnx").symlink_to(weights)
    names = [row["name"] for row in sorted(coco["categories"], key=lambda r: r["id"])]
    write_config(
        model,
        classes=names,
        input={
            "width": 416, "height": 416,
            "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375],
        },
        decode={"kind": "picodet", "strides": [8, 16, 32, 64]},
    )  # fmt: skip

    made = case(model, data)

    assert mean_ap(made.judged)[1] > 0.4
    traced = trace(made, serving_of(made, 0))
    assert len(traced.layers) > 50
    assert all(row["flops"] > 0 for row in traced.layers.values())
