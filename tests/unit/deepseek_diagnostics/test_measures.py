"""Quality, error types, confusion, calibration, thresholds: known answers."""

import contextlib
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from deepseek_diagnostics import tide
from deepseek_diagnostics.average import AREAS, judge, mean_ap
from deepseek_diagnostics.case import Case
from deepseek_diagnostics.errors import DataError, NotApplicableError
from deepseek_diagnostics.measuring import Bystander
from deepseek_diagnostics.result import (
    Axis,
    Headline,
    Plot,
    Series,
    ToolResult,
    verdict,
)
from deepseek_diagnostics.svg import draw
from deepseek_diagnostics.tools import (
    calibration,
    confusion,
    errors,
    labels,
    quality,
    threshold,
)
from deepseek_diagnostics.words import say
from tests.unit.deepseek_diagnostics.cases import SIDE, Row, case


def scattered(seed: int, *, num_images: int = 24) -> tuple[list[Row], list[Row]]:
    """Objects of all sizes, some crowds, and boxes that hit, miss and err."""
    rng = np.random.default_rng(seed)
    objects: list[Row] = []
    boxes: list[Row] = []
    for image in range(num_images):
        for _turn in range(rng.integers(1, 7)):
            side = float(rng.choice([14, 50, 130]))
            x, y = rng.uniform(0, SIDE - side, 2).round(1)
            corners = (x, y, x + side, y + side)
            label = int(rng.integers(3))
            objects.append((image, label, float(rng.random() < 0.1), corners))
            for _box in range(rng.integers(0, 4)):
                shift = rng.normal(0, side * 0.12, 4)
                moved = tuple((np.array(corners) + shift).tolist())
                said = label if rng.random() < 0.8 else int(rng.integers(3))
                score = round(float(rng.random()), 2)  # rounded: ties are met
                boxes.append((image, said, score, moved))
        stray = tuple(np.sort(rng.uniform(0, SIDE, 4)).tolist())
        boxes.append((image, int(rng.integers(3)), float(rng.random()), stray))
    return objects, boxes


def by_pycocotools(made: Case) -> np.ndarray:
    truth, found = made.truth, made.found
    sides = truth.boxes_N4[:, 2:] - truth.boxes_N4[:, :2]
    gold = COCO()
    gold.dataset = {
        "images": [{"id": row.id} for row in truth.images],
        "categories": [{"id": n} for n in range(len(truth.classes))],
        "annotations": [
            {
                "id": n + 1,
                "image_id": truth.images[truth.image_N[n]].id,
                "category_id": int(truth.classes_N[n]),
                "bbox": [*truth.boxes_N4[n, :2].tolist(), *sides[n].tolist()],
                "area": float(sides[n].prod()),
                "iscrowd": int(truth.ignored_N[n]),
            }
            for n in range(len(truth))
        ],
    }
    rows = [
        {
            "image_id": truth.images[found.image_M[n]].id,
            "category_id": int(found.classes_M[n]),
            "bbox": [
                *found.boxes_M4[n, :2].tolist(),
                *(found.boxes_M4[n, 2:] - found.boxes_M4[n, :2]).tolist(),
            ],
            "score": float(found.scores_M[n]),
        }
        for n in range(len(found))
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        gold.createIndex()
        run = COCOeval(gold, gold.loadRes(rows), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return run.stats[:6]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_precision_is_that_of_pycocotools(tmp_path: Path, seed: int):
    objects, boxes = scattered(seed)
    made = case(tmp_path, objects, boxes, num_images=24)

    ap, ap50, ap75, _classes = mean_ap(made.judged)
    sizes = [
        mean_ap(judge(made.truth, made.found, sides=AREAS[name]))[0]
        for name in ("small", "medium", "large")
    ]

    assert np.allclose([ap, ap50, ap75, *sizes], by_pycocotools(made), atol=1e-9)


def grid(num: int, label: int = 0) -> list[Row]:
    """One object in each of so many pictures."""
    return [(n, label, 0, (100.0, 100.0, 200.0, 200.0)) for n in range(num)]


def scored(rows: list[Row], score: float = 0.9) -> list[Row]:
    return [(n, label, score, corners) for n, label, _zero, corners in rows]


def test_quality_names_the_class_that_was_spoiled(tmp_path: Path):
    cats, dogs = grid(20), grid(20, label=1)
    made = case(
        tmp_path, [*cats, *dogs], [*scored(cats), *scored(dogs[:4])], num_images=20
    )

    told = quality.run(made)

    weak = next(one for one in told.findings if one.code == "quality.weak_class")
    assert weak.figures["name"] == "dog"
    assert told.headline is not None
    assert told.headline.low <= told.headline.value <= told.headline.high
    assert told.values["AP"] == pytest.approx((1 + 21 / 101) / 2, abs=1e-6)
    assert {one.image for one in weak.evidence} == set(range(5, 21))
    again = ToolResult.from_wire(json.loads(told.to_json()))
    assert again.to_json() == told.to_json()


SPOILED = {
    "class": (1, (100.0, 100.0, 200.0, 200.0)),
    "location": (0, (100.0, 100.0, 200.0, 130.0)),
    "both": (1, (100.0, 100.0, 200.0, 130.0)),
    "background": (0, (300.0, 300.0, 390.0, 390.0)),
    "missed": None,
}


@pytest.mark.parametrize("kind", SPOILED)
def test_each_kind_of_error_is_known_by_its_plant(tmp_path: Path, kind: str):
    objects = grid(10)
    boxes = scored(objects[:5])
    spoiled = SPOILED[kind]
    if spoiled is not None:
        boxes += [(n, spoiled[0], 0.95, spoiled[1]) for n in range(5, 10)]
    made = case(tmp_path, objects, boxes, num_images=10)

    faults = tide.find_faults(made.truth, made.found)

    counts = {name: len(rows) for name, rows in faults.boxes.items()}
    counts["missed"] = len(faults.missed)
    is_found_elsewhere = kind in {"class", "location"}
    expected = dict.fromkeys(tide.KINDS, 0) | {"missed": 0 if is_found_elsewhere else 5}
    if kind != "missed":
        expected[kind] = 5
    assert counts == expected
    told = errors.run(made)
    cost = told.values
    assert cost["AP50"] < 1
    if is_found_elsewhere:
        assert told.findings[0].code == f"errors.{kind}"


def test_the_second_box_on_an_object_is_a_duplicate(tmp_path: Path):
    objects = grid(6)
    made = case(
        tmp_path, objects, [*scored(objects), *scored(objects, 0.4)], num_images=6
    )

    faults = tide.find_faults(made.truth, made.found)

    assert len(faults.boxes["duplicate"]) == 6
    assert not faults.missed


def test_confusion_names_the_two_classes_and_shows_where(tmp_path: Path):
    objects = [*grid(10), *grid(10, label=2)]
    boxes = scored(objects)
    boxes[:3] = [(n, 1, 0.9, corners) for n, _label, _score, corners in boxes[:3]]
    made = case(tmp_path, objects, boxes, num_images=10)

    told = confusion.run(made)

    finding = told.findings[0]
    assert (finding.figures["first"], finding.figures["second"]) == ("cat", "dog")
    assert finding.figures["num"] == 3
    assert [one.image for one in finding.evidence] == [1, 2, 3]
    assert told.values["matrix"] == [
        [7, 3, 0, 0], [0, 0, 0, 0], [0, 0, 10, 0], [0, 0, 0, 0],
    ]  # fmt: skip


def test_scores_that_say_too_much_are_cooled(tmp_path: Path):
    rng = np.random.default_rng(5)
    objects, boxes = [], []
    for n in range(300):
        true = float(rng.uniform(0.35, 0.9))
        logit = 3 * np.log(true / (1 - true))  # three times too sure
        corners = (100.0, 100.0, 200.0, 200.0)
        elsewhere = (300.0, 300.0, 390.0, 390.0)
        is_hit = rng.random() < true
        objects.append((n, 0, 0, corners if is_hit else elsewhere))
        boxes.append((n, 0, float(1 / (1 + np.exp(-logit))), corners))
    made = case(tmp_path, objects, boxes, num_images=300)

    told = calibration.run(made)

    assert told.values["temperature"] == pytest.approx(3, rel=0.35)
    assert told.values["d_ece_after"] < told.values["d_ece_held_out"] / 2
    assert told.findings[0].action == "temperature"
    said = say(told.findings[0].next, told.findings[0].figures)
    assert said.startswith("Apply the temperature 3") or "temperature 2" in said


def test_scores_that_are_true_are_left_alone(tmp_path: Path):
    rng = np.random.default_rng(6)
    there, elsewhere = (100.0, 100.0, 200.0, 200.0), (300.0, 300.0, 390.0, 390.0)
    scores = rng.uniform(0.1, 0.9, 600)
    objects = [
        (n, 0, 0, there if rng.random() < score else elsewhere)
        for n, score in enumerate(scores)
    ]
    boxes = [(n, 0, float(score), there) for n, score in enumerate(scores)]

    told = calibration.run(case(tmp_path, objects, boxes, num_images=600))

    assert told.values["d_ece"] < 0.06
    assert told.values["temperature"] == pytest.approx(1, abs=0.25)


def test_too_few_boxes_say_nothing_of_calibration(tmp_path: Path):
    objects = grid(4)

    with pytest.raises(NotApplicableError, match="only 4 boxes"):
        calibration.run(case(tmp_path, objects, scored(objects), num_images=4))


def test_the_threshold_lies_between_right_and_wrong(tmp_path: Path):
    objects = grid(40)
    wrong = (300.0, 300.0, 390.0, 390.0)
    boxes = [*scored(objects, 0.61), *((n, 0, 0.4, wrong) for n in range(40))]

    told = threshold.run(case(tmp_path, objects, boxes, num_images=40))

    assert 0.4 < told.values["best_f"] <= 0.61
    assert told.values["f"] == pytest.approx(1)
    cheap = threshold.run(
        case(
            tmp_path / "cheap", objects, boxes, num_images=40,
            options={"cost_missed": 0, "cost_false": 1},
        )
    )  # fmt: skip
    assert cheap.values["cheapest"] > 0.4


def test_a_series_without_values_draws_nothing():
    axis = Axis(label="Recall", low=0, high=1)
    full, none = Series(name="a", x=(0, 1), y=(1, 0)), Series(name="b", x=(), y=())

    drawn = draw(Plot(title="P", kind="line", x=axis, y=axis, series=(full, none)), str)

    assert 'd="M"' not in drawn
    assert drawn.count("stroke-width") == 1


def test_what_others_take_of_the_machine_is_seen():
    with (
        Bystander() as others,
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other,
    ):
        time.sleep(0.3)
        other.kill()

    assert 0.05 < others.share <= 1


def test_a_change_inside_the_intervals_is_no_effect():
    before = Headline(name="AP", value=0.40, low=0.37, high=0.43)

    assert verdict(before, Headline(name="AP", value=0.42, low=0.39, high=0.45)) == (
        "no effect",
        pytest.approx(0.02),
    )
    assert (
        verdict(before, Headline(name="AP", value=0.5, low=0.47, high=0.53))[0]
        == "gain"
    )
    assert (
        verdict(before, Headline(name="AP", value=0.3, low=0.27, high=0.33))[0]
        == "loss"
    )


def test_nothing_labeled_and_foreign_classes_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="none of the 3 images has a labeled object"):
        case(tmp_path / "none", [], [], num_images=3)

    made = case(
        tmp_path, grid(3), [], num_images=3, seen_more={"classes": ("lorry", "van")}
    )
    with pytest.raises(DataError, match="the model knows lorry, van; the data has cat"):
        _ = made.found


def test_a_mapping_makes_foreign_classes_fit(tmp_path: Path):
    made = case(
        tmp_path, grid(3), scored(grid(3)), num_images=3,
        seen_more={"classes": ("lorry", "van")}, mapping={"lorry": "Cat"},
    )  # fmt: skip

    assert mean_ap(made.judged)[0] == pytest.approx(1)


def test_one_image_and_a_blind_model_are_measured(tmp_path: Path):
    made = case(tmp_path, grid(1), [], num_images=1)  # two classes have no object

    told = [one.run(made) for one in (quality, errors, confusion, threshold, labels)]

    assert told[0].values["AP"] == 0
    assert "quality.few_images" in {one.code for one in told[0].findings}
    assert all(one.findings for one in told)
    for one in told:
        one.to_json()  # no NaN in it


def test_a_class_without_an_object_counts_for_nothing(tmp_path: Path):
    objects = grid(6)
    of_another = [(n, 2, 0.9, (5.0, 5.0, 60.0, 60.0)) for n in range(6)]
    boxes: list[Row] = [*scored(objects), *of_another]

    told = quality.run(case(tmp_path, objects, boxes, num_images=6))

    assert told.values["AP"] == pytest.approx(1)
    told.to_json()
