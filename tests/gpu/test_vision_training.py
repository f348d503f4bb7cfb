import pytest
import torch

from deepseek_vision import events
from deepseek_vision.synthetic.production_line import write_production_line
from deepseek_vision.training.recipe import preset
from deepseek_vision.training.run import Job, train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def test_a_gpu_learns_the_production_line(tmp_path):
    write_production_line(tmp_path / "line", num_images=200, seed=1)
    said = []

    train(
        Job(data=(tmp_path / "line",), out=tmp_path / "m", name="m", device="cuda"),
        preset("quick", num_steps=400, batch_size=64, side_px=320, seed=1),
        report=said.append,
    )

    losses = [e.loss for e in said if isinstance(e, events.StepDone)]
    assert losses[-1] < losses[0] / 2
    assert said[-1].best["AP50"] >= 0.3
