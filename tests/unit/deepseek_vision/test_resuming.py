"""A run that is cut off goes on as if nothing had happened, and says what it found."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from deepseek_vision import events
from deepseek_vision.data.coco import read_coco
from deepseek_vision.errors import DatasetError
from deepseek_vision.metrics import as_truth, precision_recall
from deepseek_vision.spec import TrainSpec, read_spec
from deepseek_vision.training.checkpoint import CheckpointFile, State
from deepseek_vision.training.child import run_train
from deepseek_vision.training.recipe import PRESETS, preset
from deepseek_vision.training.verdict import confusion

CHANGES = {
    "num_steps": 24, "batch_size": 2, "side_px": 96, "seed": 1, "evaluate_every": 8
}  # fmt: skip


def spec(line: Path, **changes) -> TrainSpec:
    given = {"name": "mine", "data": (str(line),), "preset": "quick", "num_threads": 1}
    return TrainSpec(**{**given, "changes": CHANGES, **changes})


class Stop:
    """Asks to stop after so many looks."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def train(line: Path, folder: Path, *, stops: tuple[int, ...] = (), **changes):
    folder.mkdir(exist_ok=True)
    said: list[events.Event] = []
    for after in stops:
        stop = Stop(after)
        assert not run_train(
            spec(line, **changes), folder, report=said.append, should_stop=stop
        )
        assert not (folder / "model").exists()
    assert run_train(
        spec(line, **changes), folder, report=said.append, should_stop=lambda: False
    )
    return said


@pytest.fixture(scope="module")
def undisturbed(line, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    said = train(line, folder)
    return folder, said


def test_stopped_twice_it_ends_with_the_same_weights(line, tmp_path, undisturbed):
    said = train(line, tmp_path / "run", stops=(7, 12))

    started = [one for one in said if one.type == "training_started"]
    assert [one.first_step for one in started] == [0, 7, 19]
    for name in ("model.safetensors", "evaluation.json", "model.int8.onnx"):
        whole = (undisturbed[0] / "model" / name).read_bytes()
        assert (tmp_path / "run" / "model" / name).read_bytes() == whole
    again = said[said.index(started[-1]) :]
    figures = [one for one in again if one.type == "evaluation_done"]
    assert figures == [one for one in undisturbed[1] if one.type == "evaluation_done"]


def test_killed_at_any_moment_it_ends_with_the_same_weights(
    line, tmp_path, undisturbed
):
    folder = tmp_path / "run"
    folder.mkdir()
    text = spec(line, checkpoint_every_s=0).to_json()
    (folder / "spec.json").write_text(text)
    command = [sys.executable, "-m", "deepseek_vision", "run", str(folder)]
    env = {**os.environ, "PYTHONPATH": "gpu_workers"}

    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as run:
        saved = 0
        for said in run.stdout:
            saved += events.from_wire(said).type == "checkpoint_saved"
            if saved == 9:
                run.send_signal(signal.SIGKILL)
                break
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)

    weights = "model/model.safetensors"
    assert (folder / weights).read_bytes() == (undisturbed[0] / weights).read_bytes()


def test_a_finished_run_started_again_tells_it_all_and_trains_no_step(
    line, undisturbed
):
    said = train(line, undisturbed[0])

    assert {one.type for one in said} == {
        "training_started",
        "step_done",
        "evaluation_done",
        "checkpoint_saved",
        "training_finished",
    }


@pytest.mark.parametrize("damage", ["cut", "rubbish", "other recipe", "none"])
def test_a_checkpoint_that_does_not_fit_is_not_used(tmp_path, damage):
    path = tmp_path / "checkpoint.safetensors"
    state = State(tensors={"model.a": torch.ones(99)}, numbers={"steps_done": 7})
    CheckpointFile(path, every_s=0, recipe="r").save(state)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "rubbish":
        path.write_bytes(b"no tensors at all")
    recipe = "another" if damage == "other recipe" else "r"

    found = CheckpointFile(path, every_s=0, recipe=recipe).load()

    assert (found is not None) == (damage == "none")
    if found is not None:
        assert found.numbers["steps_done"] == 7
        assert torch.equal(found.part("model")["a"], torch.ones(99))


def test_each_evaluation_shows_the_same_pictures(line, undisturbed):
    told = [one for one in undisturbed[1] if one.type == "samples_predicted"]

    assert [one.step for one in told] == [8, 16, 24]
    names = {image["file_name"] for image in read_coco(line, splits=("val",)).images}
    for one in told:
        assert {sample.file_name for sample in one.samples} == names
        assert all(sample.truth for sample in one.samples)
        assert events.from_wire(events.to_wire(one)) == one


def test_the_verdict_counts_every_object_once(undisturbed):
    verdict = json.loads((undisturbed[0] / "model" / "evaluation.json").read_text())

    rows = verdict["confusion"]
    assert sum(sum(row) for row in rows[:-1]) == verdict["num_objects"]
    assert len(verdict["curves"]) == len(verdict["classes"])


def test_confusion_tells_hits_mistakes_misses_and_inventions():
    there = [(0, 0), (1, 40), (1, 80)]
    truth = {
        "images": [{"id": 1, "width": 200, "height": 50}],
        "annotations": [
            {"image_id": 1, "category_id": kind, "bbox": [x, 0, 20, 20], "iscrowd": 0}
            for kind, x in there
        ],
    }
    said = [(0, 0, 0.9), (0, 41, 0.8), (1, 150, 0.7), (1, 80, 0.1), (0, 1, 0.5)]
    results = [
        {"image_id": 1, "category_id": kind, "bbox": [x, 0, 20, 20], "score": score}
        for kind, x, score in said
    ]

    table = confusion(truth, results, num=2, score_threshold=0.3)

    assert table == [[1, 0, 0], [1, 0, 1], [1, 1, 0]]


def test_perfect_answers_have_a_perfect_curve(line):
    truth = as_truth(read_coco(line))
    results = [{**one, "score": 0.9} for one in truth["annotations"]]

    curves = precision_recall(truth, results)

    assert {one["AP50"] for one in curves} <= {1.0, None}
    assert any(one["precision"] == [1.0] * 101 for one in curves)


def test_without_answers_only_a_class_without_objects_has_no_curve(line):
    truth = as_truth(read_coco(line))
    wanted = {one["category_id"] for one in truth["annotations"]}

    found = [one["AP50"] for one in precision_recall(truth, [])]

    assert found == [0.0 if c["id"] in wanted else None for c in truth["categories"]]
    assert 0.0 in found


def test_a_spec_is_what_it_was_written_as(line, tmp_path):
    given = spec(line, start_from="deepseek_vision_v2", device="cuda:1")
    (tmp_path / "spec.json").write_text(given.to_json())

    assert read_spec(tmp_path / "spec.json") == given


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": ()}, "data must name at least one folder"),
        ({"changes": {"lr": "high"}}, "lr must be a number, got 'high'"),
        ({"changes": {"num_steps": 2.5}}, "num_steps must be a whole number, got 2.5"),
        ({"changes": {"epochs": 3}}, "a recipe has no epochs; it has: size, "),
        ({"changes": {"size": "huge"}}, "size must be one of nano, small"),
        ({"checkpoint_every_s": -1}, "checkpoint_every_s must not be negative"),
    ],
)
def test_what_no_run_could_use_is_refused(line, changes, message):
    with pytest.raises(ValueError, match=message):
        spec(line, **changes)


def test_every_preset_is_a_recipe():
    assert {"fast", "balanced", "accurate", "edge"} <= set(PRESETS)
    assert all(preset(name) == PRESETS[name] for name in PRESETS)
    with pytest.raises(DatasetError, match="no preset 'best'"):
        preset("best")
