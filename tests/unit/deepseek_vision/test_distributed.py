"""The detector through the distributed trainer: composed by a spec, not by an import."""

import json

import deepseek_vision as dv
from deepseek_optimizer.spec import RunSpec, TrainConfig
from deepseek_optimizer.trainer import run
from deepseek_vision.training.distributed import trainer_config
from deepseek_vision.training.recipe import preset

CHANGES = {
    "num_steps": 4, "batch_size": 2, "side_px": 96, "evaluate_every": 4, "warmup_steps": 1,
}  # fmt: skip


def start(folder, line, steps):
    recipe = preset("quick", **CHANGES)
    config = {
        **trainer_config(recipe),
        "max_steps": steps,
        "device": "cpu",
        "checkpoint": {"dir": str(folder / "kept"), "every_steps": 2, "adapt": False},
    }
    spec = RunSpec(
        entry="deepseek_vision.training.distributed:parts",
        args={
            "data": [str(line)],
            "out": str(folder / "model"),
            "name": "line",
            "preset_name": "quick",
            "changes": CHANGES,
        },
        config=TrainConfig.from_mapping(config),
    )
    folder.mkdir(exist_ok=True)
    (folder / "spec.json").write_text(spec.to_json())
    return run(folder)


def test_a_run_that_was_resumed_ends_as_a_straight_one_and_serves(line, tmp_path):
    start(tmp_path / "straight", line, 4)
    start(tmp_path / "resumed", line, 2)
    result = start(tmp_path / "resumed", line, 4)

    assert (result.status, result.step) == ("finished", 4)
    files = [
        tmp_path / n / "model" / "model.safetensors" for n in ("straight", "resumed")
    ]
    assert files[0].read_bytes() == files[1].read_bytes()
    card = json.loads((tmp_path / "resumed" / "model" / "config.json").read_text())
    assert "AP" in card["metrics"]["val"]
    assert dv.load_model(tmp_path / "resumed" / "model") is not None
