"""Small real parts: sets of generated pictures, and an untrained model's folder."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

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


@pytest.fixture(scope="session")
def discs(tmp_path_factory) -> Path:
    """A set of bright discs on a dark noisy ground, outlined exactly."""
    folder = tmp_path_factory.mktemp("discs")
    (folder / "images").mkdir()
    random = np.random.default_rng(0)
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    images, annotations = [], []
    for number in range(6):
        image = Image.new("L", (64, 64 - 8 * (number % 2)), 40)
        x, y, radius = random.uniform(20, 40), random.uniform(20, 36), 12.0
        ring = np.stack([x + radius * np.cos(turns), y + radius * np.sin(turns)], 1)
        ImageDraw.Draw(image).polygon([tuple(at) for at in ring], fill=200)
        pixels = np.asarray(image, np.float32) + random.normal(0, 6, image.size[::-1])
        name = f"{number}.png"
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(
            folder / "images" / name
        )
        size = {"width": image.width, "height": image.height}
        split = "val" if number > 3 else "train"
        images.append({"id": number, "file_name": name, "split": split, **size})
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 7,
                "bbox": [x - radius, y - radius, 2 * radius, 2 * radius],
                "area": np.pi * radius**2,
                "segmentation": [ring.ravel().tolist()],
            }
        )
    coco = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 7, "name": "disc"}],
    }
    (folder / "annotations.json").write_text(json.dumps(coco))
    return folder
