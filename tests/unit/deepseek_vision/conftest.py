"""Small real parts: a set of generated pictures, and an untrained model's folder."""

from pathlib import Path

import pytest
import torch

from deepseek_vision.data.coco import read_coco
from deepseek_vision.hub import ModelConfig
from deepseek_vision.model.detector import build_detector
from deepseek_vision.prompts import class_embeddings
from deepseek_vision.synthetic.defects import CLASS_NAMES
from deepseek_vision.synthetic.production_line import write_production_line
from deepseek_vision.training.run import write_model, write_serving_files


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def line(tmp_path_factory) -> Path:
    """Eight generated pictures, two of them for validation."""
    folder = tmp_path_factory.mktemp("line")
    write_production_line(folder, num_images=8, seed=11)
    return folder


@pytest.fixture(scope="session")
def nano():
    """An untrained nano detector whose norms have seen some numbers."""
    torch.manual_seed(4)
    model = build_detector("nano")
    with torch.no_grad():
        for _ in range(3):
            model(torch.rand(2, 3, 64, 64) * 255, torch.randn(3, 384))
    return model.eval()


@pytest.fixture(scope="session")
def nano_folder(tmp_path_factory, nano, line) -> Path:
    folder = tmp_path_factory.mktemp("nano")
    config = ModelConfig(
        name="nano_test", classes=CLASS_NAMES, size="nano", side_px=128
    )
    prompts = torch.from_numpy(class_embeddings(CLASS_NAMES))
    write_model(folder, nano, config, prompts=prompts)
    coco = read_coco(line)
    write_serving_files(folder, nano, config, calibration=coco)
    return folder
