"""Foreign detectors by declaration: each decoder against numbers worked out by hand."""

import io

import numpy as np
import pytest
from PIL import Image

from model_server.errors import ModelError
from model_server.runners import RunOptions, load_runner
from model_server.vision.runner import VisionRunner, run_lengths
from tests.unit.model_server import graphs


def _load(folder) -> VisionRunner:
    runner = load_runner(folder, RunOptions())
    assert isinstance(runner, VisionRunner)
    return runner


def _ask(runner, width=64, height=32, **options):
    file = io.BytesIO()
    Image.new("RGB", (width, height), "#808080").save(file, "PNG")
    return runner.answer([runner.read(file.getvalue())], [options])[0]


def _gfl(
    num: int, cell: int, sides: tuple[int, int, int, int]
) -> dict[str, np.ndarray]:
    scores = np.zeros((1, num, 2))
    scores[0, cell, 1] = 0.9
    bins = np.zeros((1, num, 4, 8))
    for side, away in enumerate(sides):
        bins[0, cell, side, away] = 50  # all of the weight on one distance
    return {"scores": scores, "sides": bins.reshape(1, num, 32)}


def test_picodet_measures_from_the_middle_of_a_cell(tmp_path):
    outputs = _gfl(16, cell=5, sides=(1, 0, 2, 1))  # row 1, column 1 of 4 x 4
    folder = graphs.constant_vision(
        tmp_path / "m",
        outputs,
        {"decode": {"kind": "picodet", "strides": [8]}},
        side=32,
    )

    answer = _ask(_load(folder), width=64, height=32)

    # the middle is (12, 12); 64 wide is twice the model's 32
    assert answer["detections"] == [
        {"label": "dog", "score": 0.9, "bbox": [8.0, 12.0, 56.0, 20.0]}
    ]


def test_nanodet_has_scores_and_sides_in_one_output(tmp_path):
    parts = _gfl(16, cell=0, sides=(0, 0, 1, 1))
    joined = np.concatenate([parts["scores"], parts["sides"]], axis=2)
    decode = {"kind": "nanodet", "strides": [8], "offset": 0.0}
    folder = graphs.constant_vision(
        tmp_path / "m", {"out": joined}, {"decode": decode}, side=32
    )

    answer = _ask(_load(folder), width=32, height=32)

    assert answer["detections"][0]["bbox"] == [0.0, 0.0, 8.0, 8.0]


def test_yolox_with_a_letterbox_leads_back_to_the_original(tmp_path):
    rows = np.full((1, 16, 7), -20.0)
    rows[0, :, 4:] = 0
    rows[0, 5] = [0.5, 0.25, np.log(2), np.log(1), 0.8, 0.0, 1.0]
    folder = graphs.constant_vision(
        tmp_path / "m",
        {"out": rows},
        {
            "decode": {"kind": "yolox", "strides": [8]},
            "input": {"width": 32, "height": 32, "resize": "letterbox"},
        },
        side=32,
    )

    answer = _ask(_load(folder), width=64, height=40)

    # centre (1.5, 1.25) * 8, size (16, 8); the picture was halved
    assert answer["detections"] == [
        {"label": "dog", "score": 0.8, "bbox": [8.0, 12.0, 40.0, 28.0]}
    ]


def test_fastestdet(tmp_path):
    cells = np.zeros((1, 7, 4, 4))
    cells[0, 0, 2, 1] = 1.0
    cells[0, 5, 2, 1] = 1.0
    folder = graphs.constant_vision(
        tmp_path / "m", {"out": cells}, {"decode": {"kind": "fastestdet"}}, side=32
    )

    answer = _ask(_load(folder), width=32, height=32)

    # size sigmoid(0) = half of the picture; the cell's corner is its middle
    assert answer["detections"] == [
        {"label": "cat", "score": 1.0, "bbox": [0.0, 8.0, 16.0, 24.0]}
    ]


def test_detr_names_its_outputs(tmp_path):
    logits = np.full((1, 3, 2), -9.0)
    logits[0, 1, 0] = 2.0
    boxes = np.full((1, 3, 4), 0.5)
    names = {"logits": "pred_logits", "boxes": "pred_boxes"}
    folder = graphs.constant_vision(
        tmp_path / "m",
        {"pred_boxes": boxes, "pred_logits": logits},
        {"decode": {"kind": "detr", "outputs": names}},
        side=32,
    )

    answer = _ask(_load(folder), width=100, height=60)

    assert answer["detections"] == [
        {"label": "cat", "score": 0.8808, "bbox": [25.0, 15.0, 75.0, 45.0]}
    ]


def test_overlapping_boxes_of_one_class_are_one_object(tmp_path):
    logits = np.full((1, 3, 2), 3.0)
    logits[0, :, 1] = [-9, -9, 3]
    boxes = np.tile([0.5, 0.5, 0.5, 0.5], (1, 3, 1))
    folder = graphs.constant_vision(
        tmp_path / "m",
        {"logits": logits, "boxes": boxes},
        {"decode": {"kind": "detr"}},
        side=32,
    )

    answer = _ask(_load(folder))

    assert sorted(row["label"] for row in answer["detections"]) == ["cat", "dog"]


def test_the_threshold_of_a_request_counts(tmp_path):
    outputs = _gfl(16, cell=5, sides=(1, 1, 1, 1))
    folder = graphs.constant_vision(
        tmp_path / "m",
        outputs,
        {"decode": {"kind": "picodet", "strides": [8]}},
        side=32,
    )

    assert _ask(_load(folder), score_threshold=0.95)["detections"] == []
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        _ask(_load(folder), score_threshold=2)


def test_a_classifier_gives_labels(tmp_path):
    folder = graphs.constant_vision(
        tmp_path / "m",
        {"out": np.array([[0.0, np.log(3)]])},
        {"decode": {"kind": "classes", "is_logits": True}},
        side=8,
    )

    assert _ask(_load(folder))["labels"] == [
        {"label": "dog", "score": 0.75},
        {"label": "cat", "score": 0.25},
    ]


def test_a_segmenter_gives_masks_of_the_original_size(tmp_path):
    maps = np.zeros((1, 2, 4, 4))
    maps[0, 1, :, 2:] = 1  # the right half is dog
    folder = graphs.constant_vision(
        tmp_path / "m", {"out": maps}, {"decode": {"kind": "segments"}}, side=8
    )

    cat, dog = _ask(_load(folder), width=6, height=2)["segments"]

    assert cat == {"label": "cat", "mask": {"size": [2, 6], "counts": [0, 6, 6]}}
    assert dog == {"label": "dog", "mask": {"size": [2, 6], "counts": [6, 6]}}


def test_run_lengths_rebuild_the_mask():
    mask = np.random.default_rng(2).random((7, 5)) > 0.5

    counts = run_lengths(mask)

    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    np.testing.assert_array_equal(flat.reshape(mask.shape, order="F"), mask)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"decode": {"kind": "yolov99"}}, "not one of picodet"),
        ({"decode": {}}, "kind"),
        ({"decode": {"kind": "picodet"}, "input": {"width": 32}}, "height"),
        (
            {"decode": {"kind": "picodet"}, "input": {"width": 8, "height": 8, "x": 1}},
            "x",
        ),
        ({"decode": {"kind": "detr", "outputs": {"logits": "l"}}}, "no output l"),
        ({"decode": {"kind": "picodet"}, "format_version": 9}, "version 9"),
    ],
)
def test_a_configuration_that_does_not_fit_is_explained(tmp_path, config, said):
    outputs = _gfl(16, cell=5, sides=(1, 1, 1, 1))
    folder = graphs.constant_vision(tmp_path / "m", outputs, config, side=32)

    with pytest.raises(ModelError, match=said):
        load_runner(folder, RunOptions())
