"""A portal's run of outlines: what its child tells, measures, and refuses."""

import json
from dataclasses import replace

import pytest
import torch

from deepseek_vision import events
from deepseek_vision.__main__ import main
from deepseek_vision.errors import DatasetError, ModelFormatError
from deepseek_vision.segmentation.instances import directory
from deepseek_vision.segmentation.instances.predict import load_instances
from deepseek_vision.segmentation.packing import (
    draw_polygons,
    draw_segmentation,
    pack_masks,
)
from deepseek_vision.segmentation.semantic.directory import (
    SHIPPED as SHIPPED_SEGMENTERS,
)
from deepseek_vision.segmentation.semantic.serving import run_lengths
from deepseek_vision.spec import TrainSpec
from deepseek_vision.training.child import run_train


def test_a_portals_run_of_outlines_tells_and_measures_like_any_other(
    discs, nano_folder, tmp_path
):
    told: list[events.Event] = []
    spec = TrainSpec(
        name="discs",
        data=(str(discs),),
        preset="outlines",
        changes={"size": "nano", "side_px": 64, "num_steps": 12, "batch_size": 2},
        start_from=str(nano_folder),
        num_threads=1,
    )

    assert run_train(spec, tmp_path, report=told.append, should_stop=lambda: False)

    kinds = [event.type for event in told]
    assert kinds[0] == "training_started"
    assert kinds[-2:] == ["evaluation_done", "training_finished"]
    assert set(kinds[1:-2]) == {"step_done"}
    assert told[1].losses.keys() == {"classes", "boxes", "masks"}
    assert {"AP", "AP50", "mask_AP"} <= told[-1].best.keys()
    made, config = directory.find_instances(tmp_path / "model")
    assert config.metrics["val"] == told[-1].best
    verdict = json.loads((made / "evaluation.json").read_text())
    assert verdict["classes"] == ["disc"]
    assert verdict["metrics"] == told[-1].best
    assert (
        run_train(
            replace(spec, start_from=str(made)),
            tmp_path / "on",
            report=told.append,
            should_stop=lambda: True,
        )
        is False
    )


def test_a_run_of_outlines_without_any_is_refused_at_once(discs, tmp_path):
    coco = json.loads((discs / "annotations.json").read_text())
    for one in coco["annotations"]:
        one["segmentation"] = []
    (tmp_path / "annotations.json").write_text(json.dumps(coco))
    spec = TrainSpec(name="discs", data=(str(tmp_path),), preset="outlines")

    with pytest.raises(DatasetError, match="draw polygons or masks"):
        run_train(spec, tmp_path, report=print, should_stop=lambda: False)


def test_masks_of_run_lengths_teach_as_polygons_do(discs, tmp_path):
    coco = json.loads((discs / "annotations.json").read_text())
    sizes = {one["id"]: (one["width"], one["height"]) for one in coco["images"]}
    for one in coco["annotations"]:
        width, height = sizes[one["image_id"]]
        mask = draw_polygons(one["segmentation"], (width, height))
        one["segmentation"] = run_lengths(mask)
    (tmp_path / "images").symlink_to(discs / "images")
    (tmp_path / "annotations.json").write_text(json.dumps(coco))

    painted, drawn = (pack_masks(one, side=64) for one in (tmp_path, discs))

    assert torch.equal(painted.numbers_NSS, drawn.numbers_NSS)
    assert draw_segmentation({"size": [2, 2], "counts": "Pm"}, (2, 2)) is None
    assert draw_segmentation({"size": [2, 2], "counts": [1, 1]}, (2, 2)) is None


def test_weights_of_another_kind_or_missing_ones_are_named(discs, tmp_path, caplog):
    folder, config = directory.find_instances("nuclei_instances")
    (tmp_path / "config.json").write_text(config.to_json())
    semantic = SHIPPED_SEGMENTERS / "nuclei" / "model.onnx"
    (tmp_path / "model.onnx").write_bytes(semantic.read_bytes())
    with pytest.raises(ModelFormatError, match=r"model\.onnx"):
        load_instances(tmp_path)
    (tmp_path / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:9999])
    with pytest.raises(ModelFormatError, match=r"model\.onnx"):
        load_instances(tmp_path)
    on = ["train-instances", str(discs), "--out", str(tmp_path / "on")]
    assert main([*on, "--go-on-from", "nuclei_instances"]) == 1
    assert "model.safetensors" in caplog.text
