"""LogME against its definition, and features of graphs of any kind."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from scipy.optimize import minimize

from deepseek_diagnostics.data import Truth, read_truth
from deepseek_diagnostics.errors import DataError
from deepseek_diagnostics.evidence import log_me
from deepseek_diagnostics.features import Features
from deepseek_diagnostics.transfer import choose_places, main
from deepseek_vision.hub import DEFAULT_MODEL, SHIPPED
from deepseek_vision.synthetic.production_line import write_production_line

DETECTOR = SHIPPED / DEFAULT_MODEL


def evidence_by_definition(features: Any, target: Any) -> float:
    """The best log density of the target under the two precisions, by a search."""
    num = len(target)
    shared = features @ features.T

    def minus(logs: Any) -> float:
        alpha, beta = np.exp(logs)
        covariance = shared / alpha + np.eye(num) / beta
        _sign, log_volume = np.linalg.slogdet(2 * np.pi * covariance)
        return float(log_volume + target @ np.linalg.solve(covariance, target)) / 2

    found = [minimize(minus, [start, 1.0], method="Nelder-Mead") for start in (2, 6)]
    return -min(one.fun for one in found) / num


@pytest.mark.parametrize(("num", "dims", "noise"), [(40, 5, 0.3), (30, 60, 3.0)])
def test_log_me_is_the_best_evidence(num, dims, noise):
    random = np.random.default_rng(0)
    features = random.normal(size=(num, dims))
    labels = (features[:, 0] + noise * random.normal(size=num) > 0).astype(int)
    centred = features - features.mean(axis=0)
    target = labels - labels.mean()

    assert log_me(features, labels) == pytest.approx(
        evidence_by_definition(centred, target), abs=2e-3
    )


def test_features_that_tell_labels_apart_score_more_than_noise():
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(4), 20)
    noise = random.normal(size=(80, 50))
    telling = noise + 2 * np.eye(4)[labels] @ random.normal(size=(4, 50))

    assert log_me(telling, labels) > log_me(noise, labels) + 0.3
    assert log_me(1000 * telling, labels) == pytest.approx(
        log_me(telling, labels), abs=1e-3
    )
    assert np.isfinite(log_me(np.zeros((80, 50)), labels))
    with pytest.raises(ValueError, match="two labels"):
        log_me(noise, np.zeros(80))


def test_a_detector_is_cut_at_its_widest_map():
    features = Features(DETECTOR)
    random = np.random.default_rng(0)

    one = features.see(random.integers(0, 255, (40, 60, 3), np.uint8))
    again = features.see(np.full((300, 20, 3), 255, np.uint8))

    assert one.shape == again.shape == (1152,)
    assert np.abs(one - again).max() > 0


def classifier(folder: Path) -> Path:
    """Mean colours, a layer of five, then three classes."""
    weights = {
        "inner": np.arange(15, dtype=np.float32).reshape(3, 5),
        "outer": np.ones((5, 3), np.float32),
    }
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "inner"], ["five"]),
        helper.make_node("Gemm", ["five", "outer"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 3])],
        initializer=[
            *(numpy_helper.from_array(value, name) for name, value in weights.items()),
            numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
        ],
    )
    folder.mkdir()
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    )
    onnx.save(model, folder / "model.onnx")
    config = {
        "format": "onnx-vision", "name": "three", "classes": ["a", "b", "c"],
        "input": {"width": 8, "height": 8}, "decode": {"kind": "classes"},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_classifier_is_cut_before_its_last_layer(tmp_path):
    features = Features(classifier(tmp_path / "three"))

    seen = features.see(np.full((20, 30, 3), 2, np.uint8))

    assert seen.tolist() == [30.0, 36.0, 42.0, 48.0, 54.0]  # 2 x each column's sum


def test_what_holds_no_graph_says_so(tmp_path):
    folder = classifier(tmp_path / "three")
    (folder / "model.onnx").write_bytes(b"no graph")

    with pytest.raises(DataError):
        Features(folder)


@pytest.fixture
def truth(tmp_path) -> Truth:
    write_production_line(tmp_path / "data", num_images=20, seed=3)
    return read_truth(tmp_path / "data")


def test_places_are_balanced_and_the_empty_ones_are_empty(truth):
    places = choose_places(truth, seed=0, most=40)
    again = choose_places(truth, seed=0, most=40)

    classes, counts = np.unique(places.classes_N, return_counts=True)
    assert (places.boxes_N4 == again.boxes_N4).all()
    assert classes[0] == -1
    assert max(counts) <= 40 // len(classes)
    for image, box in zip(
        places.image_N[places.classes_N < 0],
        places.boxes_N4[places.classes_N < 0],
        strict=True,
    ):
        there = truth.boxes_N4[truth.image_N == image]
        wide = np.minimum(box[2], there[:, 2]) - np.maximum(box[0], there[:, 0])
        high = np.minimum(box[3], there[:, 3]) - np.maximum(box[1], there[:, 1])
        shared = np.clip(wide, 0, None) * np.clip(high, 0, None)
        assert shared.sum() <= 0.11 * (box[2] - box[0]) * (box[3] - box[1])


def test_a_child_scores_or_says_only_how_slow(tmp_path, truth):
    run = tmp_path / "run"
    run.mkdir()
    spec = {
        "directory": str(DETECTOR), "data": str(truth.images[0].path.parents[1]),
        "most_ms": None, "num_threads": 1, "seed": 0,
    }  # fmt: skip

    (run / "spec.json").write_text(json.dumps(spec))
    assert main(run) == 0
    told = json.loads((run / "score.json").read_text())
    (run / "spec.json").write_text(json.dumps({**spec, "most_ms": 0.001}))
    assert main(run) == 0
    slow = json.loads((run / "score.json").read_text())
    (run / "spec.json").write_text(json.dumps({**spec, "directory": str(tmp_path)}))

    assert main(run) == 0
    refused = json.loads((run / "score.json").read_text())["refused"]
    assert "config.json" in refused["text"]
    assert len(told["parts"]) == 20
    assert told["num_dims"] == 1152
    assert set(slow) == {"time_ms"}
