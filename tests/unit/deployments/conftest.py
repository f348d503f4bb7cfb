import shutil
from pathlib import Path
from typing import Any

import pytest

from apps.marketplace.models import ModelRevision
from deepseek_vision.hub import SHIPPED
from tests.factories.marketplace import ModelFactory, ModelRevisionFactory


def _revision(settings: Any, folder: Path, name: str) -> ModelRevision:
    """A revision whose checkout is there already, with weights of its own."""
    settings.CHECKOUTS_DIR = folder
    made = ModelRevisionFactory(model=ModelFactory(name=name))
    (folder / made.revision).mkdir()
    (folder / made.revision / "model.onnx").write_bytes(f"weights {name}".encode())
    return made


@pytest.fixture
def one(db: None, settings: Any, tmp_path: Path) -> ModelRevision:
    return _revision(settings, tmp_path, "one")


@pytest.fixture
def two(db: None, settings: Any, tmp_path: Path) -> ModelRevision:
    return _revision(settings, tmp_path, "two")


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    """A copy of the shipped detector, so that a test may harm it."""
    return Path(shutil.copytree(SHIPPED / "deepseek_vision_v2", tmp_path / "detector"))
