"""Slices, label mistakes, duplicates, drift, comparison: planted faults are found."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepseek_diagnostics.errors import NotApplicableError
from deepseek_diagnostics.result import verdict
from deepseek_diagnostics.suspecting import find_suspects
from deepseek_diagnostics.tools import (
    calibration,
    comparison,
    confusion,
    drift,
    duplicates,
    errors,
    labels,
    quality,
    slices,
    threshold,
)
from deepseek_diagnostics.words import say
from tests.unit.deepseek_diagnostics.cases import (
    Row,
    case,
    placed,
    seen,
    write_truth,
)
from tests.unit.deepseek_diagnostics.test_measures import grid, scored

THERE = (100.0, 100.0, 200.0, 200.0)


def test_the_slice_that_is_missed_is_named(tmp_path: Path):
    rng = np.random.default_rng(3)
    objects: list[Row] = []
    boxes: list[Row] = []
    for n in range(240):
        side = float(rng.uniform(20, 200))
        corners = (50.0, 50.0, 50 + side, 50 + side)
        objects.append((n, n % 3, 0, corners))
        if rng.random() < (0.2 if side < 60 else 0.95):
            boxes.append((n, n % 3, 0.9, corners))
    made = case(tmp_path, objects, boxes, num_images=240)

    told = slices.run(made)

    worst = told.values["slices"][0]
    assert [part[0] for part in worst["parts"]] == ["size"]
    assert worst["parts"][0][2] < 90
    assert worst["recall"] < 0.5 < worst["rest"]
    assert worst["p"] < 0.001


def test_chance_makes_no_slice(tmp_path: Path):
    rng = np.random.default_rng(4)
    objects = [(n, n % 3, 0, THERE) for n in range(200)]
    boxes = [(n, n % 3, 0.9, THERE) for n in range(200) if rng.random() < 0.7]

    told = slices.run(case(tmp_path, objects, boxes, num_images=200))

    assert told.findings[0].code == "slices.none"


def test_planted_label_faults_lead_the_queue(tmp_path: Path):
    objects, truth = [], grid(120)
    for n, label, crowd, corners in truth:
        if n < 6:
            continue  # not labeled
        if n < 12:
            objects.append((n, 1, crowd, corners))  # another class
        elif n < 18:
            objects.append((n, label, crowd, (100.0, 100.0, 200.0, 140.0)))  # cut off
        else:
            objects.append((n, label, crowd, corners))
    rng = np.random.default_rng(1)
    boxes = scored(truth)
    boxes += [
        (n, int(rng.integers(3)), float(rng.uniform(0.05, 0.3)), (5.0, 5.0, 60.0, 60.0))
        for n in range(120)
    ]

    made = case(tmp_path, objects, boxes, num_images=120, splits=("val",))
    suspects = find_suspects(made)

    for kind, first in (("missing", 0), ("class", 6), ("place", 12)):
        some = [one for one in suspects if one.kind == kind][:6]
        assert {one.image for one in some} == set(range(first, first + 6)), kind
    told = labels.run(made)
    assert told.values["counts"]["missing"] == 6
    annotation = next(s for s in told.values["suspects"] if s["kind"] == "class")
    assert annotation["annotation"].startswith("object-")


def test_things_that_share_a_place_do_not_speak_for_one_another(tmp_path: Path):
    horse, rider = (100.0, 100.0, 200.0, 200.0), (100.0, 60.0, 200.0, 150.0)
    whole: list[Row] = [
        row for n in range(20) for row in ((n, 0, 0.95, horse), (n, 1, 0.95, rider))
    ]
    objects: list[Row] = [(n, label, 0, box) for n, label, _score, box in whole]
    # The rider is not labeled; its second, less sure box is one and the same suspect.
    objects.append((20, 0, 0, horse))
    found: list[Row] = [
        (20, 0, 0.95, horse), (20, 1, 0.95, rider), (20, 2, 0.9, rider),
    ]  # fmt: skip
    # The labels are right, and the model sees one of two things on one place.
    behind = (110.0, 100.0, 210.0, 200.0)
    objects += [(21, 0, 0, horse), (21, 1, 0, behind)]
    found.append((21, 1, 0.95, behind))

    made = case(tmp_path, objects, [*whole, *found], num_images=22)

    [suspect] = [one for one in find_suspects(made) if one.suspicion > 0.1]
    assert (suspect.kind, suspect.image) == ("missing", 20)
    assert made.found.classes_M[suspect.box] == 1


def test_a_copy_in_another_split_is_a_leak(tmp_path: Path):
    folder = tmp_path / "data"
    write_truth(folder, grid(6), num_images=6)
    rng = np.random.default_rng(2)
    first = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
    (folder / "images").mkdir()
    for n, cells in enumerate(rng.integers(0, 255, (6, 6, 6, 3), dtype=np.uint8)):
        shown = first if n in {0, 5} else cells
        picture = Image.fromarray(shown).resize((200, 200), Image.Resampling.BICUBIC)
        quality = 95 if n != 5 else 40  # the copy was compressed again
        picture.save(folder / "images" / f"{n:064d}.jpg", quality=quality)
    text = (folder / "annotations.json").read_text()
    (folder / "annotations.json").write_text(text.replace("val", "train", 1))
    made = case(folder, grid(6), [], num_images=6)
    (folder / "annotations.json").write_text(text.replace("val", "train", 1))

    told = duplicates.run(made)

    assert told.values["leaks"] == [[1, 6]]
    assert told.values["copies"] == []
    assert told.findings[0].severity == "bad"
    mended = replace(told.headline, value=0.0, low=0.0, high=0.0)
    assert verdict(told.headline, mended)[0] == "gain"
    (pair,) = told.findings[0].evidence  # side by side, the measured one first
    assert {pair.image, pair.beside} == {1, 6}
    between, _within, _alike = told.plots[0].series
    assert [set(some) for some in between.images if some] == [{1, 6}]


def test_a_mirror_image_is_alike_to_the_model_and_a_chance_likeness_is_not():
    rng = np.random.default_rng(4)
    views, cells = rng.normal(size=(30, 16)), rng.random((30, 64))
    hashes = rng.integers(0, 2**63, 30).astype(np.uint64)
    views[21] = views[3] + 0.05  # its mirror image
    cells[21] = cells[3].reshape(8, 8)[:, ::-1].ravel()
    views[22] = views[4] + 0.05  # the same view of something else
    views[23], cells[23], hashes[23] = views[5], cells[5], hashes[5]  # the hash knows

    (pair,) = duplicates.alike_pairs(views, hashes, cells)

    assert (pair.first, pair.second) == (3, 21)
    assert pair.bits > duplicates.MOST_BITS


def two_sets(tmp_path: Path, *, shift: float, seed: int) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    made = case(
        tmp_path / "new", grid(60), scored(grid(60)), num_images=60,
        reference=str(write_truth(tmp_path / "old", grid(60), num_images=60)),
        seen_more={
            "vectors_ID": rng.normal(shift, 1, (60, 8)),
            "statistics_IS": rng.normal(size=(60, 5)),
        },
    )  # fmt: skip
    made.reference_seen = seen(
        scored(grid(60)),
        num_images=60,
        vectors_ID=rng.normal(size=(60, 8)),
        statistics_IS=rng.normal(size=(60, 5)),
    )
    return dict(drift.run(made).values)


def test_drift_is_alarmed_and_sameness_is_not(tmp_path: Path):
    assert two_sets(tmp_path, shift=0.6, seed=1)["is_alarm"]
    alarms = [
        two_sets(tmp_path / str(seed), shift=0, seed=seed)["is_alarm"]
        for seed in range(10)
    ]
    assert sum(alarms) <= 2


def test_the_worse_model_fails_the_gate(tmp_path: Path):
    objects = grid(60)
    good, bad = scored(objects), scored(objects[:30])
    made = case(tmp_path, objects, bad, num_images=60)
    made.other_seen = seen(good, num_images=60)

    told = comparison.run(made)

    assert told.values["gate"] == "fail"
    assert (told.values["wins"], told.values["losses"]) == (0, 30)
    assert told.values["mcnemar_p"] < 1e-6
    assert told.findings[0].code == "comparison.ap"
    made = case(tmp_path / "turned", objects, good, num_images=60)
    made.other_seen = seen(bad, num_images=60)
    assert comparison.run(made).values["gate"] == "pass"


def test_equal_models_pass_the_gate_but_for_chance(tmp_path: Path):
    objects = grid(80)
    gates = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        one, two = (
            [row for row in scored(objects) if rng.random() < 0.7] for _turn in range(2)
        )
        made = case(tmp_path / str(seed), objects, one, num_images=80)
        made.other_seen = seen(two, num_images=80)
        gates.append(comparison.run(made).values["gate"])

    assert gates.count("fail") <= 1


def test_tools_say_what_they_lack(tmp_path: Path):
    made = case(tmp_path, grid(3), scored(grid(3)), num_images=3)

    with pytest.raises(NotApplicableError, match="second model"):
        comparison.run(made)
    with pytest.raises(NotApplicableError, match="data to compare with"):
        drift.run(made)
    with pytest.raises(NotApplicableError, match="only 3 objects"):
        slices.run(made)
    assert len(placed([])) == 0


def test_the_points_of_a_plot_lead_to_images_of_the_data(tmp_path: Path):
    objects = grid(60)
    # Four objects are taken for another class, and a box lies in each empty corner.
    boxes: list[Row] = [
        (n, (label + (n < 4)) % 3, score, corners)
        for n, label, score, corners in scored(objects)
    ]
    boxes += [(n, 1, 0.4, (5.0, 5.0, 60.0, 60.0)) for n in range(60)]
    made = case(
        tmp_path / "new", objects, boxes, num_images=60,
        reference=str(write_truth(tmp_path / "old", grid(60), num_images=60)),
        other_model="other",
    )  # fmt: skip
    made.reference_seen = seen(boxes, num_images=60)
    made.other_seen = seen(scored(objects), num_images=60)
    ids = {row.id for row in made.truth.images}

    for tool in (
        quality, errors, confusion, calibration, slices, labels, drift, threshold,
        comparison,
    ):  # fmt: skip
        told = tool.run(made)
        assert told.to_json()
        series = [one for plot in told.plots for one in plot.series]
        assert all(len(one.images) in {0, len(one.x)} for one in series), tool
        behind = {pk for one in series for some in one.images for pk in some}
        assert behind <= ids
        assert behind, tool


def test_a_slice_is_said_in_the_readers_language():
    words = {
        "brightness": "亮度",
        "{what_word} {low} … {high}": "{what_word}由{low}至{high}",
    }
    what = [
        {
            "text": "{what_word} {low} … {high}",
            "figures": {"what_word": "brightness", "low": 0.5, "high": 1.0},
        }
    ]

    told = say("{what}", {"what": what}, lambda text: words.get(text, text))

    assert told == "亮度由0.5至1"
