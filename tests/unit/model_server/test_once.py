"""One model, one picture, one answer."""

import json
from pathlib import Path
from typing import Any

import pytest

from model_server import once
from tests.unit.model_server import graphs


def run(folder: Path, directory: Path, picture: Path, **options: Any) -> int:
    spec = {
        "directory": str(directory),
        "picture": str(picture),
        "options": options,
        "num_threads": 1,
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    return once.main(folder)


def test_the_answer_comes_with_what_it_took(tmp_path, detector, part):
    assert run(tmp_path, detector, part, score_threshold=0.05) == 0

    told = json.loads((tmp_path / "answer.json").read_text())
    assert told["answer"]["detections"]
    assert min(one["score"] for one in told["answer"]["detections"]) >= 0.05
    assert told["time_ms"] > 0
    assert told["load_ms"] > 0


@pytest.mark.parametrize(
    ("options", "says"),
    [({"score_threshold": 7}, "in [0, 1]"), ({}, "takes tensors, not pictures")],
)
def test_a_refusal_is_one_sentence_without_paths(
    tmp_path, detector, part, capsys, options, says
):
    directory = detector if options else graphs.adder(tmp_path / "adder")

    assert run(tmp_path, directory, part, **options) == 1

    told = capsys.readouterr().err
    assert says in told
    assert "Traceback" not in told
    assert str(directory) not in told
