import itertools

import numpy as np
import pytest

import deepseek_vision as dv
from deepseek_vision.data.coco import read_coco
from deepseek_vision.hub import SHIPPED, find_model
from deepseek_vision.measure import evaluate_served
from deepseek_vision.synthetic.production_line import write_production_line
from deepseek_vision.training.run import restore, write_serving_files

NAMES = ("deepseek_vision_v2", "deepseek_vision_v2_general20")


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    write_production_line(folder, num_images=16, seed=31415, val_share=0.5)
    return folder


def test_the_lines_of_the_readme_run(parts):
    model = dv.load_model("deepseek_vision_v2", precision="int8")
    detector = dv.ObjectDetector(model)
    results = detector.detect(parts / "images" / "part_00001.jpg")

    assert results
    assert set(results[0]) == {"class", "score", "bbox"}
    assert len(results[0]["bbox"]) == 4
    assert all(a["score"] >= b["score"] for a, b in itertools.pairwise(results))


def test_both_models_came_with_the_package():
    assert set(NAMES) <= set(dv.list_models())


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_model_is_small_and_has_its_card(name):
    folder = find_model(name).path

    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlicense: ")
    assert (folder / "model.int8.onnx").stat().st_size <= 4.5e6


def test_all_weights_together_stay_within_their_room():
    total = sum(p.stat().st_size for p in SHIPPED.rglob("*") if p.is_file())

    assert total <= 40e6


def test_the_8_bit_model_finds_the_defects_of_new_parts(parts):
    metrics = evaluate_served(
        "deepseek_vision_v2", parts, precision="int8", split="val"
    )

    assert metrics["AP50"] >= 0.75


def test_8_bits_lose_little_of_the_same_model_in_float(parts, tmp_path):
    model, config = restore(find_model("deepseek_vision_v2").path)
    folder = tmp_path / "again"
    folder.mkdir()
    (folder / "config.json").write_text(config.to_json())
    source = find_model("deepseek_vision_v2").path / "prompts.safetensors"
    (folder / "prompts.safetensors").write_bytes(source.read_bytes())
    write_serving_files(folder, model, config, calibration=read_coco(parts))

    ap = {
        p: evaluate_served(folder, parts, precision=p)["AP"] for p in ("fp32", "int8")
    }

    assert ap["int8"] >= ap["fp32"] - 0.05


def test_a_class_asked_for_by_name_scores_as_among_all():
    rows = find_model("deepseek_vision_v2_general20")
    classes, prompts = rows.config.classes, rows.read_prompts()
    model = dv.load_model("deepseek_vision_v2_general20")
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    detector = dv.ObjectDetector(model)

    own = detector.detect(noise, score_threshold=0.0, text=["car"])
    by_class = detector.find(noise, score_threshold=0.0)

    car = classes.index("car")
    assert prompts.shape == (20, 384)
    assert max(d["score"] for d in own) == pytest.approx(
        float(by_class.scores_N[by_class.classes_N == car].max()), abs=0.05
    )
