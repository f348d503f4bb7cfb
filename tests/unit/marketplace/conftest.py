"""Model directories as a training job leaves them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

CARD = """---
license: mit
pipeline_tag: object-detection
library_name: deepseek_vision
tags: [boards, int8]
---
# Boards

Finds six defects on bare boards.
"""


@pytest.fixture
def model_folder(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str = "made", *, fill: float = 1.0, card: str = CARD) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        config = {"format": "dsportal-detector", "classes": ["scratch", "dent"]}
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "README.md").write_text(card)
        weights = {"a": np.full((20, 30), fill, np.float32)}
        save_file(weights, folder / "model.safetensors")
        return folder

    return make
