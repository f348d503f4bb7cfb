import json
import re
import subprocess
import sys

import pytest

from deepseek_vision import events
from deepseek_vision.spec import DetectSpec, ImageRef

SPEC = DetectSpec(
    model="deepseek_vision_v2",
    images=(ImageRef(id=12, path="/data/a.jpg"),),
    labels=("scratch",),
)


def test_a_spec_survives_its_file():
    assert DetectSpec.from_json(SPEC.to_json()) == SPEC


def test_the_spec_of_the_contract_is_read():
    wire = {
        "kind": "detect",
        "model": "m",
        "images": [{"id": 12, "path": "/abs/file"}],
        "score_threshold": 0.05,
        "batch_size": 4,
        "num_threads": 1,
        "labels": None,
    }

    spec = DetectSpec.from_json(json.dumps(wire))

    assert spec.images == (ImageRef(id=12, path="/abs/file"),)
    assert spec.labels is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "train"}, "spec kind must be 'detect', got 'train'"),
        ({"colour": 1}, "spec has unknown fields: colour"),
        ({"score_threshold": 2}, "score_threshold must be in [0, 1], got 2"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"num_threads": 0}, "num_threads must be at least 1, got 0"),
    ],
)
def test_a_wrong_spec_is_refused_by_field(change, message):
    wire = {**json.loads(SPEC.to_json()), **change}

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        DetectSpec.from_json(json.dumps(wire))


def test_a_spec_without_images_names_what_it_lacks():
    with pytest.raises(ValueError, match="spec lacks fields: images"):
        DetectSpec.from_json('{"kind": "detect", "model": "m"}')


@pytest.mark.parametrize(
    "event",
    [
        events.Started(model="m", revision="ab", classes=("a", "b"), num_images=2),
        events.ImageDetected(
            image_id=1,
            width=64,
            height=48,
            detections=(
                events.FoundObject(label="a", score=0.5, bbox=(1.0, 2.0, 3.0, 4.0)),
            ),
            elapsed_ms=1.5,
        ),
        events.ImageFailed(image_id=1, reason="cut off"),
        events.Finished(num_images=1, num_detections=1, elapsed_s=0.1),
        events.TrainingStarted(
            num_images=4, num_steps=2, num_parameters=9, classes=("a",)
        ),
        events.StepDone(step=1, loss=0.5, lr=0.1, images_per_s=9.0, losses={"a": 1.0}),
        events.EvaluationDone(step=1, metrics={"AP": 0.5}, is_best=True),
        events.CheckpointSaved(step=1, path="out"),
        events.TrainingFinished(
            num_steps=1, best={"AP": 0.5}, elapsed_s=1.0, path="out"
        ),
    ],
    ids=lambda event: event.type,
)
def test_every_event_survives_the_wire(event):
    line = events.to_wire(event)

    assert "\n" not in line
    assert json.loads(line)["type"] == event.type
    assert events.from_wire(line) == event


@pytest.mark.parametrize(
    "line", ['{"type": "party"}', '{"type": "finished", "guests": 3}']
)
def test_a_foreign_line_is_not_an_event(line):
    with pytest.raises(ValueError, match="event"):
        events.from_wire(line)


def test_the_wire_needs_only_the_standard_library():
    code = (
        "import sys, deepseek_vision.spec, deepseek_vision.events;"
        "print([m for m in ('numpy', 'torch', 'onnxruntime', 'PIL') if m in sys.modules])"
    )

    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "[]"
